import itertools
import json
import os

import pytest

from pipelines.texts.normalize import normalize_texts
from tests.benchmarks import document_text
from tests.benchmarks.document_text import Words

_SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
_WORDS = ["".join(three) for three in itertools.product(_SYLLABLES[::3], repeat=3)]
TEXTS = [" ".join(_WORDS[(n * 7 + k * k) % 2000] for k in range(80)) for n in range(1, 21)]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A folder to work in; 20 documents, some 11 kB, are what is repeated."""
    lines = [json.dumps({"text": text}) + "\n" for text in TEXTS]
    (tmp_path / "texts.jsonl").write_text("".join(lines))
    monkeypatch.setenv("BENCH_TEXT", str(tmp_path / "*.jsonl"))
    folder = tmp_path / "bench"
    folder.mkdir()
    return folder


def read(path):
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line)["text"] for line in stream]


def test_no_two_documents_are_alike_and_the_size_is_that_of_bytes(corpus):
    path = document_text.write(corpus, 1)
    size = path.stat().st_size
    texts = read(path)
    assert 1_000_000 <= size < 1_000_000 + 2 * max(map(len, TEXTS))
    assert len(set(normalize_texts(texts))) == len(texts) > 1000


def test_distinct_words_grow_as_those_of_longer_texts():
    words = Words(TEXTS)
    running = len(" ".join(TEXTS).split())
    first = len({word for text in TEXTS for word in text.split()})
    made = sum(words.new_share(copy) for copy in range(32)) * running + first
    assert made / first == pytest.approx(32**0.6, rel=0.01)
    seen = set()
    for copy in range(32):
        seen |= {w for n, text in enumerate(TEXTS) for w in words.changed(text, copy, n).split()}
    # Some are made twice; the numbers at the ends of the copies are words as well.
    assert 0.8 * 32**0.6 < len(seen) / first < 32**0.6 + 32 / first


def test_it_is_made_once_and_anew_from_other_texts(corpus, monkeypatch):
    path = document_text.write(corpus, 1)
    before = path.stat().st_mtime_ns
    assert document_text.write(corpus, 1) == path and path.stat().st_mtime_ns == before
    monkeypatch.setenv("BENCH_TEXT", str(corpus.parent / "texts.jsonl"))
    assert document_text.write(corpus, 1) != path


def test_split_into_files_in_turn(corpus):
    path = document_text.write(corpus, 1)
    folder = document_text.split(path, 2)
    assert sorted(os.listdir(folder)) == ["part-0.jsonl", "part-1.jsonl"]
    texts = read(path)
    assert read(folder / "part-0.jsonl") == texts[::2]
    assert read(folder / "part-1.jsonl") == texts[1::2]
