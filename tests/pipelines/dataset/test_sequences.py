import numpy as np
import pyarrow as pa
import pytest

from pipelines import records
from pipelines.dataset import sequences
from pipelines.dataset.sequences import LONGEST_WORD, cut_text, number_words, word_rows

TRAIN, VALID, ALONE = 0, 1, 3


def kept(*sides):
    """Clean records: (source, target), target None for texts alone."""
    count = len(sides)
    return pa.RecordBatch.from_pydict(
        {
            "row": pa.array(range(10, 10 + count), pa.int64()),
            "source": pa.array([source for source, _ in sides], pa.string()),
            "target": pa.array([target for _, target in sides], pa.string()),
            "place": pa.array(range(count), pa.uint64()),
            "order": pa.array(range(100, 100 + count), pa.uint64()),
        },
        schema=records.KEPT,
    )


def in_words(lists, batches):
    """Lists of numbers as lists of words, by the numbering through all batches."""
    words = [word for batch in batches for word in batch.column("word").to_pylist()]
    return [None if some is None else [words[n] for n in some] for some in lists.to_pylist()]


@pytest.mark.parametrize("partitions", [1, 3])
def test_texts_can_be_read_off_their_numbers(partitions):
    batch = kept(("the house", "das Haus"), ("a the", "ein das"), ("the end", None))
    fate = np.array([TRAIN, VALID, ALONE], np.int8)
    found, by_vocabulary = number_words(batch, fate, ALONE, TRAIN, partitions)
    batches = by_vocabulary["joint"]
    assert in_words(found.source, batches) == [["the", "house"], ["a", "the"], ["the", "end"]]
    assert in_words(found.target, batches) == [["das", "Haus"], ["ein", "das"], None]
    assert (found.row.tolist(), found.order.tolist()) == ([10, 11, 12], [100, 101, 102])
    assert len(batches) == partitions
    counted = {
        word: count
        for some in batches
        for word, count in zip(*some.to_pydict().values(), strict=True)
    }
    # Only training text counts; the other words are there, for they are cut too. The empty word
    # stands for the side that is not there.
    learned = {"the": 1, "house": 1, "das": 1, "Haus": 1}
    assert counted == {**learned, "a": 0, "ein": 0, "end": 0, "": 0}


def test_sides_with_words_of_their_own():
    batch = kept(("in the end", "das Ende in"), ("the", None))
    fate = np.array([TRAIN, ALONE], np.int8)
    found, batches = number_words(batch, fate, ALONE, TRAIN, 2, ("source", "target"))
    assert in_words(found.source, batches["source"]) == [["in", "the", "end"], ["the"]]
    assert in_words(found.target, batches["target"]) == [["das", "Ende", "in"], None]
    words = {word for some in batches["target"] for word in some.column("word").to_pylist()}
    assert words == {"das", "Ende", "in", ""}


def test_control_characters_are_cut_but_not_learned():
    batch = kept(("a\x01b c", None))
    found, by_vocabulary = number_words(batch, np.array([ALONE]), ALONE, ALONE, 1)
    (batch,) = by_vocabulary["joint"]
    assert in_words(found.source, [batch]) == [["a\x01b", "c"]]
    found = dict(zip(*batch.to_pydict().values(), strict=True))
    assert found == {"a\x01b": 0, "c": 1, "": 0}


def test_a_file_holds_what_was_written(tmp_path):
    batch = kept(("x y", "z"), ("w", None))
    made, _ = number_words(batch, np.array([TRAIN, ALONE], np.int8), ALONE, TRAIN, 2)
    path = tmp_path / "sequences"
    path.write_bytes(sequences.to_bytes(made))
    found = sequences.read(str(path))
    assert found.source.equals(made.source) and found.target.equals(made.target)
    for name in ("row", "order", "fate"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))


def test_no_records():
    found, batches = number_words(kept(), np.zeros(0, np.int8), ALONE, TRAIN, 2)
    assert found.source.to_pylist() == []
    assert sum(batch.num_rows for batch in batches["joint"]) == 0


def test_numbers_and_bounds():
    lists = pa.array([[5, 6], None, [], [7]], pa.list_(pa.uint16()))
    rows, offsets = word_rows(lists)
    assert (rows.tolist(), offsets.tolist()) == ([5, 6, 7], [0, 2, 2, 2, 3])
    rows, offsets = word_rows(lists.slice(1, 3))
    assert (rows.tolist(), offsets.tolist()) == ([7], [0, 0, 0, 1])


def test_words_that_are_none():
    """A text alone is cut within the word; no pair of the kind can be short enough."""
    giant = "x" * (LONGEST_WORD + 5)
    batch = kept((f"a {giant} b", None), (giant, "y"), ("c", giant), ("d", "e"))
    fate = np.array([ALONE, TRAIN, TRAIN, TRAIN], np.int8)
    found, by_vocabulary = number_words(batch, fate, ALONE, TRAIN, 2)
    batches = by_vocabulary["joint"]
    assert found.row.tolist() == [10, 10, 10, 11, 12, 13]
    assert found.order.tolist() == [100, 101, 102, 101, 102, 103]
    assert found.fate.tolist() == [ALONE] * 3 + [TRAIN] * 3
    source, target = in_words(found.source, batches), in_words(found.target, batches)
    assert source[:3] == [["a"], ["x" * LONGEST_WORD], ["xxxxx", "b"]]
    assert source[3:] == [None, None, ["d"]]
    assert target == [None] * 5 + [["e"]]


def test_long_texts_are_cut_at_spaces(monkeypatch):
    monkeypatch.setattr(sequences, "LONGEST_WORD", 6)
    assert cut_text("ab cd ef") == ["ab cd", "ef"]
    assert cut_text("abcdefghij") == ["abcdef", "ghij"]
    assert cut_text("abcdef gh") == ["abcdef", "gh"]
    assert cut_text("x") == ["x"]
