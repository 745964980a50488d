import json
import os
import signal
import subprocess
import sys
import time

import pytest

from runners import cli
from runners.terminal import interrupts

JOB = (
    "workdir: work\nsource_lang: en\ntarget_lang: de\ndata: {train: [train.tsv]}\n"
    "pretrain: {minutes: 1}\ntrain: {minutes: 1}\n"
)


@pytest.fixture
def electra(tmp_path):
    """Runs `electra` in an empty folder: (status, lines of output, lines of errors)."""

    def run(*arguments, **files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "runners", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    return run


def test_help_answers_at_once_and_names_every_command(electra):
    # Without the libraries that take seconds to import.
    code = "import sys; from runners import cli; print([m for m in sys.modules if m in sys.argv])"
    heavy = ["tensorflow", "apache_beam", "keras", "pyarrow", "matplotlib"]
    found = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True)
    assert found.stdout == "[]\n"
    start = time.monotonic()
    status, lines, errors = electra("--help")
    assert time.monotonic() - start < 3
    assert (status, errors) == (0, [])
    commands = [line.split()[0] for line in lines[lines.index("Commands:") + 1 :]]
    assert commands == [
        "run", "prepare", "pretrain", "train", "evaluate", "translate", "report", "export", "plan",
        "doctor", "verify", "init", "corpus", "demo",
    ]  # fmt: skip


def test_every_command_has_help():
    from click.testing import CliRunner

    for name in cli.electra.commands:
        answer = CliRunner().invoke(cli.electra, [name, "--help"])
        assert answer.exit_code == 0 and answer.output.startswith("Usage: electra")


WRONG = [
    (["frobnicate"], "electra: No such command 'frobnicate'. See `electra --help`."),
    (["run"], "electra run: Missing argument 'JOB.yaml'. See `electra run --help`."),
    (["run", "job.yaml", "--sett", "a=b"],
     "electra run: No such option '--sett'. Did you mean '--set'? See `electra run --help`."),
    (["run", "none.yaml"],
     "none.yaml: there is no such job file; `electra init NAME` writes one to start from"),
    (["run", "job.yaml", "--set", "train.stepz=3"],
     "--set train.stepz=3: train.stepz: unknown key; did you mean train.steps?"),
    (["run", "job.yaml"],
     "data.train: no file matches 'train.tsv' in the folder {here}; "
     "name an existing file, folder or glob"),
    (["plan", "job.yaml"],
     "data.train: no file matches 'train.tsv' in the folder {here}; "
     "name an existing file, folder or glob"),
    (["run", "job.yaml", "--set", "workdir=job.yaml"],
     "workdir: cannot write to 'job.yaml': File exists"),
    (["translate", "job.yaml", "--model", "m"],
     "--model: is for translating without a job file; use --set with one"),
    (["translate", "--input", "a.txt", "b.txt"],
     "b.txt: is not a job file (.yaml); for several inputs put the pattern into quotation "
     "marks, or repeat --input"),
    (["translate", "job.yaml", "--no-memory"],
     "--no-memory: is for translating without a job file; use --set with one"),
    (["translate", "--model", "m", "--memory", "d", "--no-memory"],
     "--no-memory: is the opposite of --memory; give one of them"),
    (["translate", "--model", "m", "--input", "i", "--output", "o", "--memory", ""],
     "--memory: translate.memory: found ''; it must not be empty, or off"),
    (["translate", "--model", "m"],
     "--input: is needed to translate without a job file (electra translate --model DIR "
     "--input GLOB --output DIR)"),
    (["translate", "--model", "m", "--input", "i", "--output", "o", "--beam-size", "0"],
     "--beam-size: translate.beam_size: found '0'; it should be from 1 to 32"),
    (["translate", "--model", "m", "--input", "i", "--output", "o", "--set", "train.seed=3"],
     "--set train.seed=3: only translate and runner have a meaning here"),
    (["corpus", "--target", "de", "--output", "o", "--recipe", "none"],
     "none: there is no such recipe; give the path of one, or one of: demo-corpus, demo-job, "
     "generate, summarise, translate"),
    (["init", "a/b c"],
     "a/b c: a job's name is made of letters, digits, '.', '-' and '_'"),
]  # fmt: skip

# Each command is `cli.main` in a process of its own, forked from one that has imported Beam: the
# import takes longer than all of them.
ONE_BY_ONE = """
import json, os, sys
import pipelines.prepare
from runners import cli
from runners.jobs import stages, work
for number, arguments in enumerate(json.loads(sys.argv[1])):
    if (child := os.fork()) == 0:
        for stream, name in ((1, "output"), (2, "errors")):
            os.dup2(os.open(f"{number}.{name}", os.O_CREAT | os.O_WRONLY), stream)
        os._exit(cli.main(arguments))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """The folder, and what each of the commands said there: (status, output, errors)."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "job.yaml").write_text(JOB)
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, json.dumps([arguments for arguments, _ in WRONG])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = []
    for number, status in enumerate(done.stdout.split()):
        lines = [
            (folder / f"{number}.{name}").read_text().splitlines() for name in ("output", "errors")
        ]
        said.append((int(status), *lines))
    return folder, said


@pytest.mark.parametrize("number", range(len(WRONG)), ids=lambda n: " ".join(WRONG[n][0]))
def test_what_the_user_got_wrong_is_one_line_and_status_2(refused, number):
    folder, said = refused
    status, lines, errors = said[number]
    message = WRONG[number][1].replace("{here}", str(folder))
    assert (status, lines, errors[-1:]) == (2, [], [message])
    assert not any("Traceback" in line for line in errors)


def test_debug_shows_the_traceback(electra):
    status, _, errors = electra("run", "none.yaml", "--debug")
    assert status == 2
    assert "Traceback (most recent call last):" in errors
    assert electra("--debug", "run", "none.yaml")[2][-1] == errors[-1]


def test_init_plan_and_the_last_line(electra, tmp_path):
    assert electra("init", "first") == (
        0, ['{"command": "init", "job_file": "first.yaml"}'], []
    )  # fmt: skip
    status, _, errors = electra("init", "first.yaml")
    assert (status, errors) == (
        2,
        ["first.yaml: exists already and is not overwritten; give another name"],
    )
    (tmp_path / "corpus").mkdir()
    for name in ("train", "valid", "test"):
        (tmp_path / "corpus" / f"{name}.tsv").write_text("Good morning\tGuten Morgen\n")
    status, lines, errors = electra(
        "plan", "first.yaml", "--no-measure", "--set", "pretrain={steps: 0}"
    )
    assert (status, errors) == (0, [])
    assert lines[:6] == [
        "en-de, work folder work/first, runner local with 2 workers",
        "  prepare    run      not complete yet; 3 files, 78 bytes; a guess: 0:10 to 0:40",
        "    clean: 3 units",
        "    dedup, split, words, vocabulary, pieces, encode, shards, publish: to be done",
        "  pretrain   skip     the job file asks for no pretraining",
        "  train      run      not complete yet; 60 minutes, 2048 tokens an update, model tiny "
        "(4+2 layers of 192)",
    ]
    facts = json.loads(lines[-1])
    assert [one["stage"] for one in facts.pop("prepare")] == [
        "clean", "dedup", "split", "words", "vocabulary", "pieces", "encode", "shards", "publish",
    ]  # fmt: skip
    assert facts == {
        "command": "plan",
        "workdir": "work/first",
        "stages": {
            "prepare": "run", "pretrain": "skip", "train": "run", "evaluate": "run",
            "translate": "skip", "report": "run",
        },
        "seconds": {"prepare": [10, 40], "train": [3600, 3600]},
        "warnings": [],
    }  # fmt: skip


def test_two_runs_at_once(electra, tmp_path):
    from runners.jobs.folder_lock import locked

    (tmp_path / "train.tsv").write_text("Good morning\tGuten Morgen\n")
    with locked(str(tmp_path / "work")):
        status, _, errors = electra("run", "job.yaml", job_yaml=JOB)
    assert status == 1
    assert errors == [
        f"work: another electra command works there (process {os.getpid()}); wait for it or end it"
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_its_status(tmp_path, number):
    code = (
        "import time, click\nfrom runners import cli\n"
        "@cli.electra.command('wait')\ndef wait():\n    print('ready', flush=True)\n"
        "    time.sleep(60)\ncli.main(['wait'])\n"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout is not None and command.stdout.readline() == "ready\n"
    command.send_signal(number)
    _, errors = command.communicate(timeout=30)
    assert (command.returncode, errors) == (128 + number, interrupts.MESSAGE + "\n")


def test_a_closed_pipe_is_no_error(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m runners --help | true", shell=True, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
