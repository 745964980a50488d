"""Inputs that are not what they were, are no files, or cannot be read; a disk that is full."""

import gzip
import os
import pathlib
import subprocess
import sys
import tempfile

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from electra_model.errors import InputError
from pipelines import files, prepare
from tests.pipelines.damaged.corpora import encode
from tests.pipelines.small_jobs import make_config, run, sentences, write_tsv


def work_after(change, config):
    """Plans, changes something, and does the work."""
    plan = prepare.plan_prepare(config)
    change()
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        prepare.build_prepare(pipeline, config, plan)


def append(path):
    with open(path, "ab") as stream:
        stream.write(b"one more\tnoch eins\n")


def shrink(path):
    os.truncate(path, os.path.getsize(path) // 2)


def change_a_word(path):
    data = path.read_bytes()
    path.write_bytes(data.replace(b"house", b"mouse"))


def replace_by_parquet(path):
    path.write_bytes(encode("parquet"))


def changing(tmp_path, name, change):
    """A job whose input changed once it was cut into units, and that input as it was."""
    path = tmp_path / name
    data = encode(name.split(".")[1], sentences(200))
    data = gzip.compress(data) if name.endswith(".gz") else data
    path.write_bytes(data)
    config = make_config(tmp_path, train=[str(path)], dataset={"unit_megabytes": 0.001})
    os.utime(path, ns=(1, 1))  # whatever the grain of the file system's clock
    with pytest.raises(InputError, match=rf"{name}: was changed after the work began; do not"):
        work_after(lambda: change(path), config)
    assert not os.path.exists(f"{config.workdir}/dataset/dataset_info.json")
    return config, data


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "name, change",
    [
        ("a.tsv", append),
        ("a.tsv", change_a_word),
        ("a.tsv.gz", append),
        ("a.parquet", replace_by_parquet),
    ],
)
def test_a_file_that_changes_once_it_was_cut(tmp_path, name, change):
    changing(tmp_path, name, change)


def test_a_file_that_was_cut_off_meanwhile_and_put_back(tmp_path):
    config, data = changing(tmp_path, "a.tsv", shrink)
    (tmp_path / "a.tsv").write_bytes(data)
    assert run(config)["ledger"] == {"in": 200, "out": 200, "rejected": {}}


def test_a_file_that_changes_while_a_unit_is_read(tmp_path, monkeypatch):
    path = write_tsv(tmp_path / "a.tsv", sentences(50))
    config = make_config(tmp_path, train=[path])
    asked = []

    def stamp_then_append(name, stamp=files.stamp):
        asked.append(stamp(name))
        if len(asked) == 2:  # the first is the plan's, the second before the unit is read
            append(path)
        return asked[-1]

    monkeypatch.setattr(files, "stamp", stamp_then_append)
    with pytest.raises(InputError, match=r"a\.tsv: was changed after the work began"):
        run(config)
    assert len(asked) == 3


def test_a_file_that_is_gone(tmp_path):
    path = write_tsv(tmp_path / "a.tsv", sentences(50))
    config = make_config(tmp_path, train=[path])
    with pytest.raises(InputError, match=r"a\.tsv: is gone since the work began; put it back"):
        work_after(lambda: os.unlink(path), config)


def test_links_and_folders(tmp_path):
    os.symlink(tmp_path / "nowhere", tmp_path / "dangling.tsv")
    (tmp_path / "folder.tsv").mkdir()
    (tmp_path / "loop.tsv").symlink_to("loop.tsv")
    os.mkfifo(tmp_path / "pipe.tsv")
    for name in ("dangling.tsv", "loop.tsv"):
        with pytest.raises(
            InputError, match=rf"data\.train: .*{name} is a link to .*, which is not"
        ):
            prepare.plan_prepare(make_config(tmp_path, train=[str(tmp_path / name)]))
    for name in ("folder.tsv", "pipe.tsv", "folder.tsv/x"):
        with pytest.raises(InputError, match=rf"data\.train: no file matches '.*{name}'; name an"):
            prepare.plan_prepare(make_config(tmp_path, train=[str(tmp_path / name)]))
    with pytest.raises(InputError, match="is a link to"):
        prepare.plan_prepare(make_config(tmp_path, train=[str(tmp_path / "*.tsv")]))
    write_tsv(tmp_path / "folder.tsv" / "real.tsv", sentences(3))
    plan = prepare.plan_prepare(make_config(tmp_path, train=[str(tmp_path / "folder.tsv")]))
    assert [os.path.basename(unit.path) for unit in plan.units] == ["real.tsv"]


UNREADABLE = """
import os, pathlib, sys
from electra_model.errors import InputError
from tests.pipelines.small_jobs import make_config
from pipelines import prepare
folder = pathlib.Path(sys.argv[1])
prepare.plan_prepare(make_config(folder, train=[str(folder / "sound.*")]))  # imports everything
if os.geteuid() == 0:
    os.seteuid(65534)
for name in sys.argv[2:]:
    try:
        prepare.plan_prepare(make_config(folder, train=[str(folder / name)]))
    except InputError as error:
        print(error)
"""


def test_files_that_one_may_not_read():
    names = ["a.tsv", "a.tsv.gz", "a.csv", "a.parquet"]
    # Not in `tmp_path`, whose folders are closed to the user that a superuser becomes here.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for kind in ("tsv", "csv", "parquet"):
            pathlib.Path(folder, f"sound.{kind}").write_bytes(encode(kind))
        for name in names:
            path = pathlib.Path(folder, name)
            path.write_bytes(b"x\ty\n")
            path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", UNREADABLE, folder, *names],
            capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        messages = done.stdout.splitlines()
        assert len(messages) == 4, done.stderr
        for name, message in zip(names, messages, strict=True):
            assert message.startswith(f"{folder}/{name}: cannot be read")
            assert "Permission denied" in message


FULL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_REC, MS_PRIVATE = 1 << 17, 1 << 14, 1 << 18
if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
    sys.exit(77)
os.makedirs("work", exist_ok=True)
if libc.mount(b"tmpfs", b"work", b"tmpfs", 0, b"size=128k"):
    sys.exit(77)
from runners import cli
sys.exit(cli.main(["prepare", "job.yaml", "--set", "runner.workers=" + sys.argv[1]]))
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_full_disk(tmp_path, workers):
    """In a file system of 128 kB that only the process sees."""
    write_tsv(tmp_path / "train.tsv", sentences(5000))
    (tmp_path / "job.yaml").write_text(
        "workdir: work\nsource_lang: en\ntarget_lang: de\ndata: {train: [train.tsv]}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", FULL, workers], cwd=tmp_path, capture_output=True, text=True,
        timeout=100, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip("this user may not mount a file system")
    assert done.returncode == 1
    errors = done.stderr.splitlines()
    assert (
        "o space is left on the disk" in errors[-1] and "run the same command again" in errors[-1]
    )
    assert "Traceback" not in done.stderr and done.stdout == ""
