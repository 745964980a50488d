"""A real Flink cluster on this machine gives the bytes that this machine alone gives.

Job manager, task managers, job server and Python workers are processes of their own. The corpus is
the demo's. `make test-flink` runs this; it needs Java, and fetches the rest once, into
`work/flink`.
"""

import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from runners.corpora import corpus
from runners.jobs import recipe_files
from tests.runners import flink_cluster, flink_parts

pytestmark = [pytest.mark.flink, pytest.mark.timeout(900)]

JOB = """
workdir: {work}
source_lang: en
target_lang: de
data:
  train: [{corpus}/train.tsv]
  valid: [{corpus}/valid.tsv]
  test: [{corpus}/test.tsv]
vocabulary: {{size: 2000}}
dataset: {{unit_megabytes: 0.2, max_tokens: 64, window_length: 64}}
model: {{preset: tiny, max_length: 64}}
pretrain: {{steps: 0}}
train: {{steps: 30, batch_tokens: 1024, buckets: [16, 32, 64]}}
translate:
  input: ["{corpus}/documents/*.jsonl", "{corpus}/documents/*.txt"]
  output: out
  beam_size: 1
  unit_segments: 16
"""


@pytest.fixture(scope="module")
def parts():
    return flink_parts.fetch(pathlib.Path("work/flink"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A work folder that was made without a cluster."""
    folder = tmp_path_factory.mktemp("alone")
    recipe = recipe_files.find("demo-corpus")
    corpus.build_corpus(recipe, "de", str(folder / "corpus"), "work/corpus-cache", print)
    write_job(folder, folder)
    for stage in ("prepare", "train"):
        electra(stage, folder / "job.yaml")
    electra("translate", folder / "job.yaml", f"translate.output={folder / 'out'}")
    return folder


def write_job(folder: pathlib.Path, data: pathlib.Path) -> None:
    folder.mkdir(exist_ok=True)
    text = JOB.format(work=folder / "work", corpus=data / "corpus")
    (folder / "job.yaml").write_text(text, encoding="utf-8")


def electra(command, job, *settings):
    """The counts of a command that is to succeed."""
    process = start(command, job, *settings)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def start(command, job, *settings):
    given = [part for setting in settings for part in ("--set", setting)]
    return subprocess.Popen(
        [sys.executable, "-m", "runners", command, str(job), *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on(cluster, job_server, workers):
    return (
        "runner.name=flink",
        f"runner.master={cluster.master}",
        f"runner.worker_pool={cluster.pool}",
        f"runner.job_server_jar={job_server}",
        f"runner.workers={workers}",
    )


def contents(folder, *without):
    """Path -> bytes of the files below a folder."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    return {name: data for name, data in found.items() if not name.startswith(without)}


def assert_same(found, expected):
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_prepare(alone, parts, tmp_path):
    flink, job_server = parts
    write_job(tmp_path / "there", alone)
    with flink_cluster.running(flink, tmp_path / "cluster", task_managers=2) as cluster:
        counts = electra("prepare", tmp_path / "there" / "job.yaml", *on(cluster, job_server, 2))
    assert counts["in"] == counts["out"] + sum(counts["rejected"].values()) > 30_000
    for part in ("dataset", "vocabulary"):
        assert_same(contents(tmp_path / "there" / "work" / part), contents(alone / "work" / part))


def translate_there(alone, cluster, job_server, output):
    return (
        "translate",
        alone / "job.yaml",
        *on(cluster, job_server, 2),
        f"translate.output={output}",
    )


def await_receipts(process, output, count):
    while len([*(output / "_electra" / "units").glob("*.json")]) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


def test_translate_with_a_task_manager_that_is_killed_and_with_ctrl_c(alone, parts, tmp_path):
    flink, job_server = parts
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    with flink_cluster.running(flink, tmp_path / "cluster", 2, slots=2) as cluster:
        counts = electra(*translate_there(alone, cluster, job_server, quiet))
        assert counts["in"] == counts["out"] > 600
        process = start(*translate_there(alone, cluster, job_server, killed))
        await_receipts(process, killed, 3)
        cluster.kill_task_manager()
        _, errors = process.communicate()
        assert process.returncode == 0, errors

        # Ctrl-C cancels the job on the cluster, and the same command goes on.
        stopped = tmp_path / "stopped"
        process = start(*translate_there(alone, cluster, job_server, stopped))
        await_receipts(process, stopped, 3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        assert process.returncode == 130, errors
        deadline = time.monotonic() + 60
        while cluster.states()[0] != "CANCELED":
            assert time.monotonic() < deadline, cluster.states()
            time.sleep(0.5)
        electra(*translate_there(alone, cluster, job_server, stopped))
    expected = contents(alone / "out", "_electra/memory")
    assert_same(contents(quiet, "_electra/memory"), expected)
    assert_same(contents(killed, "_electra/memory"), expected)
    assert_same(contents(stopped, "_electra/memory"), expected)


def test_a_cluster_that_is_not_there(alone, tmp_path):
    write_job(tmp_path, alone)
    job = tmp_path / "job.yaml"
    process = start("prepare", job, "runner.name=flink", "runner.master=localhost:9")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.startswith("runner.master: nothing answers at localhost:9 (Connection refused);")
