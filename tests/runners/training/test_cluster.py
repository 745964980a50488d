"""`TF_CONFIG`: who this process is, and who may write."""

import dataclasses
import json

import pytest

from electra_model.config import TrainConfig
from electra_model.errors import InputError, WorkError
from runners.jobs import stages, work
from runners.training import cluster
from runners.training.cluster import Member
from runners.training.devices import Devices, Word, devices_for
from tests.runners.conftest import toy_job

TWO = {"worker": ["a:1", "b:1"]}


def set_config(monkeypatch, cluster, kind="worker", index=0):
    text = json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})
    monkeypatch.setenv("TF_CONFIG", text)


def test_without_the_variable_there_is_one_worker(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster.member() == Member(0, 1) and cluster.member().is_chief
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert cluster.member() == Member(0, 1)


@pytest.mark.parametrize(
    ("members", "kind", "index", "expected"),
    [
        (TWO, "worker", 0, Member(0, 2)),
        (TWO, "worker", 1, Member(1, 2)),
        ({"chief": ["a:1"], **TWO}, "chief", 0, Member(0, 3)),
        ({"chief": ["a:1"], **TWO}, "worker", 0, Member(1, 3)),
    ],
)
def test_the_chief_comes_first(monkeypatch, members, kind, index, expected):
    set_config(monkeypatch, members, kind, index)
    assert cluster.member() == expected


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("not JSON", "Expecting value"),
        ("[1]", "no JSON object"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "1 of type"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "'chief'"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "type 'ps'"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}', "no list"),
    ],
)
def test_what_is_wrong_with_it(monkeypatch, text, wrong):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=f"^TF_CONFIG: .*{wrong}.*; it should be like"):
        cluster.member()


def test_several_stages_on_several_workers_are_refused(monkeypatch, tmp_path):
    job = toy_job(tmp_path, train={"strategy": "multi_worker"}, pretrain={"steps": 0})
    set_config(monkeypatch, TWO, index=1)
    with pytest.raises(InputError, match="train.strategy: .* 2 workers; start `electra train` on"):
        work.do_stages(job, stages.STAGES)
    assert not (tmp_path / "work").exists()


def test_a_worker_writes_nothing(monkeypatch, tmp_path):
    """There is no dataset, so that it finds nothing to take part in."""
    job = toy_job(tmp_path, train={"strategy": "multi_worker"}, pretrain={"steps": 0})
    set_config(monkeypatch, TWO, index=1)
    with pytest.raises(InputError, match="run `electra prepare` first"):
        work.do_stages(job, [stages.BY_NAME["train"]])
    assert not (tmp_path / "work").exists()


def test_workers_that_are_not_at_the_same_place(monkeypatch):
    """What the exchange gives is put in its place: the exchange itself needs two processes."""
    devices = Devices(None, Member(1, 2))
    ours = Word(step=3, state=7, stop=0, progress=0.5, finished=False)

    def others(chief):
        row = [float(value) for value in dataclasses.astuple(chief)]
        monkeypatch.setattr(
            devices, "_exchanged", lambda told: told + [row, [0.0] * len(row)], raising=True
        )
        return devices.consult(ours)

    chiefs = dataclasses.replace(ours, progress=0.25, finished=True, stop=15)
    assert others(chiefs) == chiefs
    with pytest.raises(WorkError, match="worker 2 is at step 3, and the chief at step 4"):
        others(dataclasses.replace(ours, step=4))
    with pytest.raises(WorkError, match="worker 2 is at other settings or data"):
        others(dataclasses.replace(ours, state=8))


def test_one_device_needs_no_strategy():
    devices = devices_for(TrainConfig(), "train")
    assert devices.strategy is None and devices.count == 1 and devices.is_chief
    word = Word(step=3, state=7, stop=0, progress=0.5, finished=False)
    assert devices.consult(word) is word
    devices.leave()
