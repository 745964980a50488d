import pytest

from pipelines import prepare
from pipelines.foresight import stage_costs
from pipelines.units import Unit
from tests.pipelines.small_jobs import make_config, sentences, write_tsv


def unit(size, compression=None):
    return Unit(0, "00000-00000", "a", "tsv", compression, 0, size, size, "train")


def test_workers_share_what_has_more_than_one_task():
    one = {cost.name: cost.seconds for cost in stage_costs.costs(stage_costs.ALWAYS, 64_000_000, 1)}
    four = {
        cost.name: cost.seconds for cost in stage_costs.costs(stage_costs.ALWAYS, 64_000_000, 4)
    }
    assert sum(one.values()) == pytest.approx(5.75)
    assert one["clean"] == 4 * four["clean"] == 0.85
    assert one["dedup"] == four["dedup"]
    assert one["vocabulary"] == four["vocabulary"] == 2.0


def test_compressed_text_unfolds():
    assert stage_costs.text_bytes([unit(10), unit(10, "gzip")]) == 50


def test_a_range_where_nothing_was_measured():
    assert stage_costs.seconds_without_measure(160_000_000, 2) == (8.0, 20.0)
    assert stage_costs.seconds_without_measure(160_000_000, 4) == (4.0, 10.0)


def test_every_stage_has_its_cost(tmp_path):
    clean = {"near_duplicate": 0.8, "overlap": 0.5}
    train = [write_tsv(tmp_path / "train.tsv", sentences(20))]
    config = make_config(tmp_path, clean=clean, train=train, dataset={"shortlist": 4})
    found = prepare.stages_of(config, prepare.plan_prepare(config))
    names = {stage.name for _, stage in found} | {"replacement"}
    assert names == set(stage_costs.NAMES)
