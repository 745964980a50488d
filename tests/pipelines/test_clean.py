import json

import pytest

from pipelines import records, stages
from pipelines.clean import chunks, partition_count, read_kept
from pipelines.units import Unit
from tests.pipelines.small_jobs import make_config, read_info, read_rejected, run, sentences


def unit(size):
    return Unit(0, "00000-00000", "a.tsv", "tsv", None, 0, size, size, "train")


def test_partitions_follow_from_the_size_of_the_input():
    assert partition_count([unit(1)]) == 1
    assert partition_count([unit(512 << 20)] * 3) == 4
    assert partition_count([unit(1 << 50)]) == 4096


@pytest.mark.parametrize("source, target", [("raw", "error"), ("row", "target"), ("t.en", "t.de")])
def test_fields_may_have_any_name(tmp_path, source, target):
    path = tmp_path / "a.jsonl"
    pairs = sentences(12)
    rows = [{"t": {"en": s, "de": t}, source: s, target: t} for s, t in pairs] + [{source: 5}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = make_config(tmp_path, train=[str(path)], source_field=source, target_field=target)
    assert run(config)["ledger"]["rejected"] == {"not_text": 1}
    (bad,) = read_rejected(config, "not_text")
    assert json.loads(bad["raw"]) == {source: 5} and bad["row"] == 12


def test_chunks_hold_normalised_text_and_hashes(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("\ufeffthe  red house\t das rote Haus \r\nOld tree\talter Ba\u0075m\n")
    config = make_config(tmp_path, train=[str(path)])
    run(config)
    (chunk,) = chunks(config)
    assert (chunk.id, chunk.role, chunk.number) == ("00000-00000-00000", "train", 0)
    kept = read_kept(config, chunk)
    assert kept.schema == records.KEPT
    assert kept.column("source").to_pylist() == ["the red house", "Old tree"]
    assert kept.column("target").to_pylist() == ["das rote Haus", "alter Baum"]
    assert stages.progress(config.workdir)[0][1:] == (1, 1)
    assert read_info(config)["ledger"]["in"] == 2
