import os
import signal
import subprocess
import sys
import textwrap
import time

import apache_beam as beam
import pytest

from electra_model.errors import InputError, WorkError
from pipelines import units
from runners.engines.engines import RunnerConfig
from runners.engines.launch import count_receipts, run_pipeline, run_prepare
from runners.jobs.job import make_job
from runners.terminal import interrupts


def run(build, folder, workers=1):
    run_pipeline(build, RunnerConfig(workers=workers), label="test", receipts=str(folder))


def committing(folder, count):
    """A pipeline that commits `count` units with their square and the process that made them."""
    folder = str(folder)

    def commit(number):
        import os

        units.commit(
            folder, f"{number:05d}", "f", {"txt": b"%d" % number**2}, {"process": os.getpid()}
        )

    def build(pipeline):
        # The keys spread the units over workers, as the stages of the real pipelines do.
        keyed = pipeline | "List" >> beam.Create([(number, number) for number in range(count)])
        _ = keyed | "Spread" >> beam.Reshuffle() | "Commit" >> beam.MapTuple(lambda _, n: commit(n))

    return build


@pytest.mark.parametrize("workers", [1, 2])
def test_units_are_committed_by_the_processes_asked_for(tmp_path, workers):
    run(committing(tmp_path, 8), tmp_path, workers)
    receipts = [units.committed(str(tmp_path), f"{number:05d}", "f") for number in range(8)]
    assert count_receipts(str(tmp_path)) == 8
    assert [units.read_part(str(tmp_path), r, "txt") for r in receipts if r] == [
        b"0", b"1", b"4", b"9", b"16", b"25", b"36", b"49",
    ]  # fmt: skip
    processes = {receipt.facts["process"] for receipt in receipts if receipt}
    assert (os.getpid() in processes) == (workers == 1)


@pytest.mark.parametrize(
    ("kind", "workers"),
    [
        (InputError, 1),
        (WorkError, 1),
        (InputError, 2),
        pytest.param(WorkError, 2, marks=pytest.mark.slow),
    ],
)
def test_our_errors_come_out_as_they_went_in(tmp_path, workers, kind):
    def fail(_):
        raise kind("corpus.tsv: is not what its name says")

    with pytest.raises(kind) as caught:
        run(lambda p: p | beam.Create([1]) | "Read" >> beam.Map(fail), tmp_path, workers)
    assert str(caught.value) == "corpus.tsv: is not what its name says"


@pytest.mark.parametrize("workers", [1, 2])
def test_other_errors_name_the_step(tmp_path, workers):
    def fail(_):
        return [][3]

    with pytest.raises(WorkError) as caught:
        run(lambda p: p | beam.Create([1]) | "Read" >> beam.Map(fail), tmp_path, workers)
    assert str(caught.value) == "test failed in the step Read: IndexError: list index out of range"


def test_a_worker_that_is_killed_ends_the_run(tmp_path):
    def die(_):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorkError, match="status -9 .* lower runner.workers"):
        run(lambda p: p | beam.Create([1]) | beam.Reshuffle() | beam.Map(die), tmp_path, 2)


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_starts_ends_the_run(tmp_path):
    """Beam by itself would wait for ever for one that was never connected."""
    script = textwrap.dedent(ENDLESS).replace("sys.argv[1]", repr(str(tmp_path)))
    (tmp_path / "endless.py").write_text(script)
    command = subprocess.Popen([sys.executable, tmp_path / "endless.py"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (started := _workers_of(command.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(started[0], signal.SIGKILL)
    _, errors = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "a worker process ended with status -9" in errors.decode()


def _workers_of(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat") as stream, open(f"/proc/{name}/cmdline") as words:
                is_child = int(stream.read().rsplit(")", 1)[1].split()[1]) == parent
                if is_child and "runners.engines.worker" in words.read():
                    found.append(int(name))
        except (OSError, IndexError, ValueError):
            continue
    return found


ENDLESS = """
    import sys
    import apache_beam as beam
    from runners.terminal import interrupts
    from runners.engines.engines import RunnerConfig
    from runners.engines.launch import run_pipeline

    def work(number):
        import os, time
        open(os.path.join(sys.argv[1], f"{os.getpid()}.pid"), "w").close()
        time.sleep(60)

    def build(pipeline):
        pipeline | beam.Create(range(8)) | beam.Reshuffle() | beam.Map(work)

    interrupts.install()
    try:
        run_pipeline(build, RunnerConfig(workers=2), label="endless", receipts=sys.argv[1])
    except interrupts.Interrupted as error:
        interrupts.end_now(error.status)
"""


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        pytest.param(signal.SIGINT, 130, interrupts.NOTHING_KEPT, marks=pytest.mark.slow),
        (signal.SIGTERM, 143, interrupts.MESSAGE),
        (signal.SIGKILL, -signal.SIGKILL, ""),
    ],
)
def test_no_worker_outlives_the_command(tmp_path, number, status, said):
    if said == interrupts.MESSAGE:  # a unit was committed
        (tmp_path / "00000-00000.receipt.json").touch()
    script = textwrap.dedent(ENDLESS).replace("sys.argv[1]", repr(str(tmp_path)))
    (tmp_path / "endless.py").write_text(script)
    command = subprocess.Popen([sys.executable, tmp_path / "endless.py"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (workers := list(tmp_path.glob("*.pid"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers and str(command.pid) not in [worker.stem for worker in workers]
    command.send_signal(number)
    _, errors = command.communicate(timeout=30)
    assert command.returncode == status
    if number != signal.SIGKILL:
        assert errors.decode().splitlines()[-1] == said
    deadline = time.monotonic() + 10
    while any(_alive(int(worker.stem)) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [worker.stem for worker in workers if _alive(int(worker.stem))]


def _alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as stream:
            state = stream.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_warnings_of_prepare_are_said_and_counted(tmp_path, capsys):
    pairs = [
        f"the old house number {n} in town\tdas alte Haus Nummer {n} dort\n" for n in range(40)
    ]
    copies = [f"the same text {n} as ever\tthe same text {n} as ever\n" for n in range(30)]
    (tmp_path / "train.tsv").write_text("".join(pairs + copies))
    values = {
        "workdir": str(tmp_path / "work"),
        "source_lang": "en",
        "target_lang": "de",
        "data": {"train": [str(tmp_path / "train.tsv")]},
        "clean": {"leak": False},
        "vocabulary": {"size": 100},
        "dataset": {"valid_fraction": 0},
    }
    counts = run_prepare(make_job(values, "a job"))
    (warning,) = [one for one in counts["warnings"] if "identical" in one]
    assert warning == (
        "the rule identical rejected 43% of the 70 records for train; "
        f"look into {tmp_path / 'work'}/dataset/rejected/identical.jsonl.gz"
    )
    assert f"prepare: warning: {warning}\n" in capsys.readouterr().err
