import dataclasses
import json
import os

import pytest

from electra_model.errors import InputError, WorkError
from electra_model.features import FORMAT_VERSION
from runners.jobs import stages, work
from runners.jobs.job import JobConfig, make_job
from runners.jobs.stages import Stage, look
from runners.terminal import interrupts


def job(tmp_path, **sections) -> JobConfig:
    values = {"workdir": str(tmp_path / "work"), "source_lang": "en", "target_lang": "de"}
    return make_job(values | sections, "job.yaml")


def stage(run, name="prepare", settings=("vocabulary",)) -> Stage:
    """A stage that depends on one section and on the text of `work/input`."""

    def data(job):
        with open(job.path("input")) as stream:
            return {"the input": stream.read()}

    return Stage(name, "making it", "made", settings, data, lambda job: None, run)


@pytest.fixture
def calls(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "input").write_text("first")
    return []


@pytest.fixture
def making(calls):
    def run(job):
        calls.append(job.vocabulary.size)
        with open(job.path("made"), "w") as stream:
            stream.write("x")
        return {"in": 3, "out": 2, "rejected": {"empty": 1}}

    return stage(run)


def test_what_a_kill_left_half_written_goes_and_nothing_else(tmp_path, making):
    root = tmp_path / "work"
    left = ["run.json.tmp-12-0a1b2c3d", "prepare/split.plan.json.tmp-7-00000000"]
    left += ["vocabulary/source/spm.model.tmp-99-ffffffff", "dataset/valid.jsonl.tmp-1-12345678"]
    kept = ["notes.tmp-1", "vocabulary/my.tmp-file", "train/model.tmp-12-0a1b2c3d"]
    for name in left + kept:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    work.do_stages(job(tmp_path), [making])
    assert [name for name in left if (root / name).exists()] == []
    assert [name for name in kept if (root / name).exists()] == kept


def test_a_stage_is_done_once(tmp_path, making, calls, capsys):
    counts = work.do_stages(job(tmp_path), [making])
    assert counts == {"prepare": {"status": "done", "in": 3, "out": 2, "rejected": {"empty": 1}}}
    again = work.do_stages(job(tmp_path), [making])
    assert again == {"prepare": {"status": "complete", "in": 3, "out": 2, "rejected": {"empty": 1}}}
    assert calls == [8000]
    assert capsys.readouterr().err.splitlines() == [
        "prepare: making it",
        "prepare: done in 0:00; 3 in = 2 out + 1 rejected (empty 1)",
        "prepare: complete already",
    ]
    assert os.path.exists(tmp_path / "work" / "job.resolved.yaml")


def test_changed_settings_are_named_and_the_stage_is_done_again(tmp_path, making, calls, capsys):
    work.do_stages(job(tmp_path), [making])
    work.do_stages(job(tmp_path, vocabulary={"size": 500}, train={"seed": 4}), [making])
    assert calls == [8000, 500]
    assert (
        "prepare: making it again (changed since it was complete: vocabulary.size)"
        in capsys.readouterr().err
    )


def test_changed_data_and_a_product_that_is_gone(tmp_path, making, calls):
    work.do_stages(job(tmp_path), [making])
    (tmp_path / "work" / "input").write_text("second")
    assert look(making, job(tmp_path)).reason == "changed since it was complete: the input"
    (tmp_path / "work" / "input").write_text("first")
    assert look(making, job(tmp_path)).status == "complete"
    (tmp_path / "work" / "made").unlink()
    assert look(making, job(tmp_path)).reason == "made is not there"
    (tmp_path / "work" / ".stages" / "prepare.json").write_text("{ torn")
    assert look(making, job(tmp_path)).status == "new"


def test_what_failed_is_not_complete(tmp_path, calls):
    def fail(job):
        raise PermissionError(13, "Permission denied", "some/file")

    with pytest.raises(WorkError) as caught:
        work.do_stages(job(tmp_path), [stage(fail)])
    assert str(caught.value) == "prepare failed: some/file: Permission denied"
    assert look(stage(fail), job(tmp_path)).status == "new"
    record = json.loads((tmp_path / "work" / "run.json").read_text())
    assert record["stages"]["prepare"]["status"] == "failed"


def test_an_input_that_is_refused_leaves_what_was_complete(tmp_path, making, calls, capsys):
    def check(job):
        if job.vocabulary.size == 500:
            raise InputError("input: is not what it should be")

    checked = dataclasses.replace(
        making, check=check, run=lambda job, checked: making.run(job) | {"checked": checked}
    )
    work.do_stages(job(tmp_path), [checked])
    record = (tmp_path / "work" / "run.json").read_bytes()
    with pytest.raises(InputError, match="^input: is not"):
        work.do_stages(job(tmp_path, vocabulary={"size": 500}), [checked])
    assert calls == [8000]
    assert "again" not in capsys.readouterr().err  # nothing is made again
    assert (tmp_path / "work" / "run.json").read_bytes() == record
    assert look(checked, job(tmp_path)).status == "complete"
    assert look(checked, job(tmp_path)).counts["checked"] is None


def test_an_interrupted_command_says_whether_work_is_kept(tmp_path, making):
    def interrupted(job):
        assert interrupts.message() == interrupts.NOTHING_KEPT
        (tmp_path / "work" / "prepare" / "clean").mkdir(parents=True)
        (tmp_path / "work" / "prepare" / "clean" / "00000.receipt.json").touch()
        assert interrupts.message() == interrupts.MESSAGE
        return {}

    work.do_stages(job(tmp_path), [dataclasses.replace(making, run=interrupted)])


@pytest.mark.parametrize(
    "name, message",
    [
        ("pretrain", "dataset_info.json: does not exist; run `electra prepare` first"),
        ("train", "dataset_info.json: does not exist; run `electra prepare` first"),
        ("evaluate", "dataset: there is no complete dataset; run `electra prepare` first"),
    ],
)
def test_after_a_prepare_that_failed_what_was_trained_stays_complete(tmp_path, name, message):
    folder = tmp_path / "work" / ".stages"
    folder.mkdir(parents=True)
    (tmp_path / "work" / "model").mkdir()
    (tmp_path / "work" / "model" / "model.json").write_text("{}")
    (folder / f"{name}.json").write_text("what was complete")
    with pytest.raises(InputError, match=message):
        work.do_stages(job(tmp_path, data={"train": ["a.tsv"]}), [stages.BY_NAME[name]])
    assert (folder / f"{name}.json").read_text() == "what was complete"
    assert not (tmp_path / "work" / "run.json").exists()


def test_a_training_without_the_pretraining_it_starts_from_stays_complete(tmp_path):
    info = {"format_version": FORMAT_VERSION, "vocabulary_fingerprint": "v", "splits": {}}
    (tmp_path / "work" / "dataset").mkdir(parents=True)
    (tmp_path / "work" / "dataset" / "dataset_info.json").write_text(json.dumps(info))
    receipt = tmp_path / "work" / ".stages" / "train.json"
    receipt.parent.mkdir()
    receipt.write_text("what was complete")
    with pytest.raises(InputError, match="there is no complete pretraining under these settings"):
        work.do_stages(job(tmp_path, data={"train": ["a.tsv"]}), [stages.BY_NAME["train"]])
    assert receipt.read_text() == "what was complete"


def test_the_record(tmp_path, making):
    work.do_stages(job(tmp_path, train={"seed": 7}), [making])
    record = json.loads((tmp_path / "work" / "run.json").read_text())
    assert list(record) == ["config_fingerprint", "seeds", "versions", "machine", "stages"]
    assert record["seeds"] == {"dataset": 1, "pretrain": 1, "train": 7}
    assert record["versions"]["apache-beam"].startswith("2.")
    entry = record["stages"]["prepare"]
    assert (entry["status"], entry["counts"]["in"]) == ("complete", 3)
    assert entry["seconds"] >= 0 and entry["peak_memory_bytes"] > 10_000_000


def test_stages_that_a_job_does_not_have(tmp_path):
    reasons = {one.name: one.absent(job(tmp_path, train={"steps": 0}, pretrain={"minutes": 0}))
               for one in stages.STAGES}  # fmt: skip
    assert reasons == {
        "prepare": "the job file names no data",
        "pretrain": "the job file asks for no pretraining",
        "train": "the job file asks for no training",
        "evaluate": "the job file asks for no training",
        "translate": "the job file names no translate.input",
        "report": None,
    }


def test_the_settings_of_all_stages_are_keys_of_the_job(tmp_path):
    one = job(tmp_path)
    for stage in stages.STAGES:
        assert all("." in key or hasattr(one, key) for key in stages._settings(stage, one))
    changed = dataclasses.replace(one, runner=dataclasses.replace(one.runner, workers=7))
    for stage in stages.STAGES:  # how wide a pipeline runs changes no result
        assert stages._settings(stage, one) == stages._settings(stage, changed)


def test_several_workers_need_a_folder_that_they_share(tmp_path, monkeypatch):
    workers = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    train = {"strategy": "multi_worker"}
    inside = job(
        tmp_path, workdir="gs://bucket/work", data={"train": ["gs://bucket/a.tsv"]}, train=train
    )
    with pytest.raises(InputError, match="workdir: gs://bucket/work is an object store, of which"):
        work._joins(inside, [stages.BY_NAME["train"]])
