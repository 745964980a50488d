import json

import numpy as np
import pyarrow as pa
import pytest

from electra_model.errors import InputError
from pipelines import prepare
from pipelines.cleaning.continuations import TOO_SHORT, pairs, stretches
from pipelines.config import (
    CleanConfig,
    DataConfig,
    DatasetConfig,
    PrepareConfig,
    VocabularyConfig,
)
from pipelines.dataset import places
from runners.jobs.job import make_job
from runners.jobs.job_inputs import prepare_config
from tests.pipelines import small_jobs

TEXT = "The old house. A small tree.\n\nThe red book and the window. Often the table. Never."


def test_stretches_are_whole_sentences():
    assert stretches(TEXT, "en", 30) == [
        "The old house. A small tree.",
        "The red book and the window.",
        "Often the table. Never.",
    ]
    assert stretches(TEXT, "en", 1000) == [TEXT]
    assert stretches("  12 --\n", "en", 30) == []


def test_a_long_sentence_is_a_stretch_of_its_own():
    assert stretches("One. Two three four five six seven. Eight.", "en", 20) == [
        "One.",
        "Two three four five six seven.",
        "Eight.",
    ]


def rows(texts, errors=None, raw=True):
    columns = {
        "row": pa.array(range(len(texts)), pa.int64()),
        "error": pa.array(errors or [None] * len(texts), pa.string()),
        "raw": pa.array([f"raw {n}".encode() for n in range(len(texts))], pa.binary()),
        "text": pa.array(texts, pa.string()),
    }
    return pa.RecordBatch.from_pydict(columns if raw else columns | {"raw": None}).select(
        [name for name in columns if raw or name != "raw"]
    )


def test_texts_become_pairs_of_neighbours():
    texts = [TEXT, None, "Short.", TEXT]
    batches = [rows(texts, [None, "not_utf8", None, None]), rows([TEXT])]
    first, second = pairs(iter(batches), "en", 30)
    assert first.column("row").to_pylist() == [0, 1, 2, 3, 4, 5]
    assert first.column("error").to_pylist() == [None, None, "not_utf8", TOO_SHORT, None, None]
    assert first.column("raw").to_pylist() == [None, None, b"raw 1", b"raw 2", None, None]
    cut = stretches(TEXT, "en", 30)
    assert first.column("source").to_pylist() == [*cut[:2], None, "Short.", *cut[:2]]
    assert first.column("target").to_pylist() == [*cut[1:], None, None, *cut[1:]]
    assert second.column("row").to_pylist() == [6, 7]


def test_rules_for_whole_texts_reject_them_as_wholes():
    (made,) = pairs(
        iter([rows([TEXT, "# a # b # c. Some words."])]), "en", 30, {"max_symbol_word_ratio": 0.2}
    )
    assert made.column("error").to_pylist() == [None, None, "max_symbol_word_ratio"]


def test_hashes_are_those_of_the_text_and_of_the_place_in_it():
    other = TEXT.replace("red", "green")
    (made,) = pairs(iter([rows([TEXT, other, TEXT])]), "en", 30)
    keys = np.stack([column.to_numpy() for column in made.columns[-4:]], axis=1)
    groups, equal = keys[:, :2].tolist(), keys[:, 2:].tolist()
    assert groups[0] == groups[1] == groups[4] != groups[2] == groups[3]
    assert equal[:2] == equal[4:] and len({tuple(key) for key in equal}) == 4


def documents(count):
    """Different texts of eight sentences."""
    found = [source for source, _ in small_jobs.sentences(8 * count)]
    return [
        "\n".join(f"{sentence.capitalize()}." for sentence in found[8 * n : 8 * n + 8])
        for n in range(count)
    ]


def job(tmp_path, **data):
    values = {
        "task": "generate",
        "workdir": str(tmp_path / "work"),
        "source_lang": "en",
        "data": data,
        "vocabulary": {"size": 100, "character_coverage": 1.0},
        "dataset": {"stretch_characters": 60, "valid_fraction": 0.2},
    }
    return prepare_config(make_job(values, "a job"))


def test_a_dataset_of_texts(tmp_path):
    texts = documents(30)
    lines = [json.dumps({"text": text}) + "\n" for text in [*texts, texts[0], "Short."]]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    (tmp_path / "b.txt").write_text(documents(31)[-1])
    config = job(tmp_path, train=[str(tmp_path / "*")])
    info = small_jobs.run(config)
    ledger = info["ledger"]
    copies = len(stretches(texts[0], "en", 60)) - 1
    assert ledger["rejected"]["no_continuation"] == 1
    assert ledger["rejected"]["duplicate"] == copies > 1
    assert ledger["in"] == ledger["out"] + sum(ledger["rejected"].values())
    assert small_jobs.read_rejected(config, "no_continuation")[0]["raw"] == lines[-1]

    first, _ = places.of_units(config).values()
    assert (first.first_record, first.first_line) == (1, None)

    # Texts are held out as wholes, so that no continuation is known from another pair.
    def stretches_of(row):
        return {" ".join(row["source"].split()), " ".join(row["target"].split())}

    with open(f"{config.workdir}/dataset/valid.jsonl") as stream:
        held_out = set().union(*(stretches_of(json.loads(line)) for line in stream))
    whole = [{" ".join(one.split()) for one in stretches(text, "en", 60)} for text in documents(31)]
    assert held_out and all(some <= held_out or not some & held_out for some in whole)
    again = small_jobs.tree(config)
    assert small_jobs.run(config)["config_fingerprint"] == info["config_fingerprint"]
    assert small_jobs.tree(config) == again
    # Stretches repeat no other, but for those of the held-out texts.
    assert info["duplicates"]["repeated"]["source"]["repeated"] == 0


def test_fields_that_are_not_there_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("body\nOne.\n")
    with pytest.raises(InputError, match=r"no column 'text'.*say which it is in data.text_field"):
        prepare.plan_prepare(job(tmp_path, train=[str(tmp_path / "a.csv")]))


SUMMARY = dict(
    source_lang="en",
    target_lang="en",
    task="summarise",
    clean=CleanConfig(max_length_ratio=False, max_characters=False),
    vocabulary=VocabularyConfig(size=100, character_coverage=1.0),
)


def test_long_sources_of_summaries_are_cut_and_counted(tmp_path):
    pairs_of = [(" ".join(text.split()), text.split("\n")[0]) for text in documents(40)]
    path = small_jobs.write_tsv(tmp_path / "train.tsv", pairs_of)
    config = PrepareConfig(
        workdir=str(tmp_path / "cut"),
        data=DataConfig(train=(path,)),
        dataset=DatasetConfig(max_tokens=64, long_sources="cut", valid_fraction=0.1),
        **SUMMARY,
    )
    info = small_jobs.run(config)
    sources = [row[0] for row in small_jobs.read_records(config, "train", ["source_ids"])]
    assert 20 < info["cut_sources"]["train"] <= sum(len(ids) == 64 for ids in sources)
    assert all(ids[-1] == 3 for ids in sources) and max(map(len, sources)) == 64
    assert any("have more than dataset.max_tokens (64) tokens" in w for w in info["warnings"])
    # The pretraining reads the rest of the sources as well.
    tokens = {name: split["tokens"] for name, split in info["splits"].items()}
    assert tokens["pretrain"]["text"] > sum(tokens["train"].values()) + 300


def test_a_catalogue_has_no_summaries(tmp_path):
    (tmp_path / "a.po").write_text('msgid "One"\nmsgstr "Eins"\n')
    config = PrepareConfig(
        workdir=str(tmp_path), data=DataConfig(train=(str(tmp_path / "a.po"),)), **SUMMARY
    )
    with pytest.raises(InputError, match=r"a\.po: is a catalogue.*no pairs in one language"):
        prepare.plan_prepare(config)
