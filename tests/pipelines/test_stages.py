import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from electra_model.errors import WorkError
from pipelines import stages
from pipelines.config import PrepareConfig
from pipelines.foresight import foresight
from pipelines.stages import RunStage, Stage, Task, load_index

DONE = []


def plan_two(config):
    return [Task(f"t{number}", {"value": number}) for number in range(2)]


def work(config, task, parts):
    DONE.append(task.id)
    parts.add("data", f"{task.payload['value']}".encode())
    return {"value": task.payload["value"]}


def plan_none(config):
    return []


def plan_after(config):
    return [Task("sum", {"digest": load_index(config, "two").digest})]


def add(config, task, parts):
    return {"sum": sum(receipt.facts["value"] for receipt in load_index(config, "two").receipts)}


def fail(config, task, parts):
    raise WorkError("no more")


TWO = Stage("two", plan_two, work)


def run(config, *run_stages):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        element = pipeline | beam.Create([""])
        for stage in run_stages:
            element = element | stage.name >> RunStage(stage, config)


@pytest.fixture
def config(tmp_path):
    DONE.clear()
    return PrepareConfig(workdir=str(tmp_path), source_lang="en", target_lang="de")


def test_stages_in_a_row_and_again(config):
    three = (TWO, Stage("none", plan_none, fail), Stage("after", plan_after, add))
    run(config, *three)
    assert load_index(config, "after").receipts[0].facts == {"sum": 1}
    assert load_index(config, "none").receipts == []
    assert sorted(DONE) == ["t0", "t1"]
    run(config, *three)
    assert sorted(DONE) == ["t0", "t1"]  # nothing was done a second time
    planned = {stage.name: stages.read_plan(config.workdir, stage.name) for stage in three}
    assert [(len(plan["tasks"]), plan["done"]) for plan in planned.values()] == [
        (2, 2), (0, 0), (1, 1),
    ]  # fmt: skip
    assert [stages.count_done(config.workdir, name) for name in planned] == [2, 0, 1]


def test_what_is_not_committed_is_swept_and_done_again(config, tmp_path):
    run(config, TWO)
    before = load_index(config, "two").digest
    folder = tmp_path / "prepare" / "two"
    (folder / "t0.receipt.json").unlink()  # a kill came before the receipt
    (folder / "t1.data").write_bytes(b"longer")  # a damaged part
    (folder / "t7.data.tmp-12-ab").write_bytes(b"half")
    DONE.clear()
    run(config, TWO)
    assert sorted(DONE) == ["t0", "t1"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "t0.data", "t0.receipt.json", "t1.data", "t1.receipt.json",
    ]  # fmt: skip
    assert load_index(config, "two").digest == before


def test_errors_come_through(config):
    with pytest.raises(WorkError, match="no more"):
        run(config, Stage("two", plan_two, fail))
    with pytest.raises(WorkError, match=r"two\.index\.json: cannot be read"):
        load_index(config, "two")


def test_an_engine_that_loses_tasks_is_noticed(config):
    run(config, TWO)
    with pytest.raises(WorkError, match="2 tasks were planned and 0 came back"):
        list(stages._CloseFn(TWO, config).process((0, [""])))


def plan_many(config):
    ids = ["100000-00000", "99999-00001", "99999-00000", "100000-00001"]
    return [Task(name, {"value": number}) for number, name in enumerate(ids)]


def test_tasks_beyond_five_digits_come_back_in_their_order(config):
    run(config, Stage("many", plan_many, work))
    receipts = load_index(config, "many").receipts
    assert [receipt.unit_id for receipt in receipts] == [
        "99999-00000", "99999-00001", "100000-00000", "100000-00001",
    ]  # fmt: skip
    outlook, index = foresight._planned(config, Stage("many", plan_many, work))
    assert outlook.todo == 0 and index == load_index(config, "many")
