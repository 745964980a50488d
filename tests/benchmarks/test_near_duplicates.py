import random

import pytest

from tests.benchmarks import near_duplicates


@pytest.mark.slow
def test_planted_copies_are_measured_through_the_stages(tmp_path, monkeypatch):
    """Our half of the comparison, as `make bench` runs it."""
    monkeypatch.setattr(near_duplicates, "ROUNDS", 1)
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghij", k=6)) for _ in range(500)]
    texts = [" ".join(draw.choices(words, k=80)) for _ in range(60)]
    table = near_duplicates.measure(tmp_path, texts, alone=True)
    cells = [cell.strip() for cell in table[-1].strip("| ").split("|")]
    assert cells[0] == "ours"
    found = [cell.split(" of ") for cell in cells[4:8]]
    assert sum(int(count) for _, count in found) == 6  # a tenth of the documents has a copy
    assert all(float(share) == 1 for share, count in found[:1] if int(count))
    assert cells[8] == "0"  # and nothing else is dropped


def test_documents_are_cut_from_the_text(tmp_path, monkeypatch):
    text = tmp_path / "texts.jsonl"
    text.write_text('{"text": "' + " ".join(f"w{n}" for n in range(200)) + '"}\n')
    monkeypatch.setenv("BENCH_TEXT", str(text))
    documents = near_duplicates.made_documents(tmp_path, 3)
    assert [len(document.split(" ")) for document in documents] == [80, 80, 80]
    assert len(set(documents)) == 3
