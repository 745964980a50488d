"""`electra prepare` with every kind of vocabulary, one after the other in the same folder."""

import dataclasses
import json
import os

import pytest
import tensorflow as tf

from electra_model import features
from electra_model.tokenizer import Tokenizer
from pipelines.config import VocabularyConfig
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_records,
    run,
    sentences,
    write_tsv,
)

PAIRS = [(f"<2de> {source}, {{name}}!", f"{target}, {{name}}!") for source, target in sentences(80)]
SYMBOLS = ("<2de>", "{name}")
BASE = VocabularyConfig(size=150, character_coverage=1.0, symbols=SYMBOLS)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    train = write_tsv(folder / "train.tsv", PAIRS)
    return make_config(folder, train=[train], dataset={"valid_fraction": 0})


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        ({"kind": "sentencepiece"}, "spm.model"),
        ({"kind": "wordpiece"}, "vocab.txt"),
        ({"kind": "bpe"}, "spm.model"),
        ({"kind": "bpe", "byte_fallback": True, "size": 400}, "spm.model"),
    ],
)
def test_a_kind_from_text_to_records(job, settings, file):
    config = dataclasses.replace(job, vocabulary=dataclasses.replace(BASE, **settings))
    info = run(config)
    assert info["ledger"] == {"in": 80, "out": 80, "rejected": {}}
    folder = f"{config.workdir}/vocabulary"
    assert sorted(os.listdir(folder)) == sorted([file, "vocabulary.json"])
    with open(f"{folder}/vocabulary.json") as stream:
        card = json.load(stream)
    assert card["kind"] == config.vocabulary.kind and card["file"] == file
    assert card["symbols"] == list(SYMBOLS)
    assert card["byte_fallback"] is config.vocabulary.byte_fallback

    tokenizer = Tokenizer.load(folder)
    assert info["vocabulary_fingerprint"] == tokenizer.fingerprint() == card["fingerprint"]
    assert info["vocabulary_size"] == tokenizer.size == card["size"]
    rows = read_records(config, "train", features.PAIR)
    found = []
    for column in zip(*rows, strict=True):
        for ids in column:
            assert tokenizer.pieces(ids).count("{name}") == 1
        ids = tf.ragged.constant(list(column), tf.int32)
        found.append([text.decode() for text in tokenizer.decode(ids).numpy()])
    assert sorted(zip(*found, strict=True)) == sorted(PAIRS)
    assert read_info(config)["splits"]["train"]["records"] == 80


def test_long_symbols_do_not_make_a_text_too_long(tmp_path):
    """A text of few tokens may have more than 16 characters for each of them."""
    symbol = "<placeholder-of-thirty-letters>"
    pairs = [(f"{symbol * 8} {source}", target) for source, target in sentences(40)]
    assert all(len(source) > 16 * 16 for source, _ in pairs)
    config = make_config(
        tmp_path,
        train=[write_tsv(tmp_path / "train.tsv", pairs)],
        dataset={"valid_fraction": 0, "max_tokens": 16},
        clean={"max_length_ratio": False, "min_letters_share": False},
    )
    vocabulary = dataclasses.replace(BASE, kind="wordpiece", symbols=(symbol,))
    ledger = run(dataclasses.replace(config, vocabulary=vocabulary))["ledger"]
    # A mark of a word's start, 8 symbols, the words, each whole, and the end mark.
    short = sum(1 + 8 + len(source.split()) + 1 <= 16 for source, _ in sentences(40))
    assert 0 < short < 40
    assert ledger == {"in": 40, "out": short, "rejected": {"max_tokens": 40 - short}}
