import dataclasses
import gzip
import os

import pytest

from electra_model.errors import InputError, WorkError
from pipelines.config import DataConfig, DatasetConfig, PrepareConfig, VocabularyConfig
from pipelines.foresight import prepare_sample
from pipelines.prepare import plan_prepare

WORDS = "red green small old new house book window light car river stone".split()


def pairs(count, start=0):
    for number in range(start, start + count):
        a, b, c = (WORDS[number // 12**power % 12] for power in range(3))
        yield f"the {a} {b} of {c} {number}\tdas {a}e {b} des {c} {number}\n".encode()


def config_of(folder, train, **data):
    return PrepareConfig(
        workdir=str(folder / "work"),
        source_lang="en",
        target_lang="de",
        data=DataConfig(train=tuple(map(str, train)), **data),
        vocabulary=VocabularyConfig(size=120),
        dataset=DatasetConfig(unit_megabytes=0.02),
    )


def measured(config, folder):
    return prepare_sample.measure(config, plan_prepare(config), str(folder / "elsewhere"))


def test_a_small_input_is_prepared_as_a_whole_and_the_job_left_as_it_is(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"".join(pairs(1000)))
    config = config_of(tmp_path, [tmp_path / "a.tsv"])
    found = measured(config, tmp_path)
    assert found.records == 1000
    assert found.text_bytes == os.path.getsize(tmp_path / "a.tsv")
    assert list(found.seconds) == [
        "clean", "dedup", "split", "words", "vocabulary", "pieces", "encode", "shards",
    ]  # fmt: skip
    assert all(seconds > 0 for seconds in found.seconds.values())
    assert found.written_bytes > found.text_bytes / 2
    assert not (tmp_path / "work").exists()


def test_of_a_large_input_some_units_of_every_part_are_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_sample, "_BYTES", 100_000)
    for number in range(4):
        rows = pairs(3000, 3000 * number)
        (tmp_path / f"{number}.tsv").write_bytes(b"".join(rows))
    config = config_of(tmp_path, [tmp_path / "*.tsv"])
    found = measured(config, tmp_path)
    assert 50_000 < found.text_bytes <= 100_000
    assert 500 < found.records < 12_000


def test_of_a_large_compressed_file_the_beginning_is_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_sample, "_BYTES", 100_000)
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(b"".join(pairs(20_000))))
    found = measured(config_of(tmp_path, [tmp_path / "a.tsv.gz"]), tmp_path)
    assert 20_000 < found.text_bytes <= 25_000
    assert 300 < found.records < 1000


def test_pairs_are_among_them_however_little_of_the_input_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_sample, "_BYTES", 60_000)
    (tmp_path / "a.tsv").write_bytes(b"".join(pairs(200)))
    texts = b"".join(row.partition(b"\t")[0] + b"\n" for row in pairs(50_000))
    (tmp_path / "mono.txt").write_bytes(texts)
    config = config_of(
        tmp_path, [tmp_path / "a.tsv"], monolingual={"en": (str(tmp_path / "mono.txt"),)}
    )
    assert measured(config, tmp_path).records > 200


def test_what_runs_in_a_pipeline_of_its_own_is_left_out(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"".join(pairs(500)))
    config = config_of(tmp_path, [tmp_path / "a.tsv"])
    config = dataclasses.replace(config, dataset=dataclasses.replace(config.dataset, shortlist=8))
    assert "shortlist" not in measured(config, tmp_path).seconds


def test_too_little_to_learn_from_is_an_error(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"no pair\n")
    with pytest.raises((InputError, WorkError)):
        measured(config_of(tmp_path, [tmp_path / "a.tsv"]), tmp_path)
