import pytest

from electra_model.errors import InputError
from pipelines.formats import lines, registry
from pipelines.formats.lines import Lines, split_lines


def test_batches_of_whole_lines():
    data = b"one\ntwo\r\n\nthree"
    for size in range(1, 20):
        blocks = [data[start : start + size] for start in range(0, len(data), size)]
        for batch_bytes in (1, 5, 100):
            found = list(split_lines(iter(blocks), "a.txt", batch_bytes))
            assert b"".join(raw for some in found for raw in some.raw()) == data
            bodies = [body for some in found for body in some.bodies]
            assert bodies == [b"one", b"two\r", b"", b"three"]
            assert [some.ended for some in found[:-1]] == [True] * (len(found) - 1)


def test_line_ends():
    assert list(split_lines(iter([b"a\n"]), "a", 1)) == [Lines([b"a"], True)]
    assert list(split_lines(iter([b"a"]), "a")) == [Lines([b"a"], False)]
    assert list(split_lines(iter([b"\n\n"]), "a")) == [Lines([b"", b""], True)]
    assert list(split_lines(iter([]), "a")) == []


def test_endless_line(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 1 << 20)
    monkeypatch.setattr(lines, "NO_TEXT", 3 << 20)
    with pytest.raises(InputError, match="a.txt: a line is longer than 3 MiB, so this is hardly"):
        list(split_lines(iter([b"x" * (2 << 20)] * 2), "a.txt", 1))


def test_units_within_an_endless_line_are_no_search_for_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 1 << 20)
    monkeypatch.setattr(lines, "NO_TEXT", 1 << 20)
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n" + b"x" * (5 << 20) + b"\nlast\n")
    first, *_, last = registry.plan([str(path)], ["train"], 100_000)
    with pytest.raises(InputError, match="a.txt: a line is longer than 1 MiB"):
        list(lines.read_lines(first))
    assert [some.bodies for some in lines.read_lines(last)] == [[b"last"]]


def test_batches_are_bounded_in_rows():
    found = list(split_lines(iter([b"\n" * 250_000 + b"end"]), "a.txt"))
    assert [len(some.bodies) for some in found] == [100_000, 100_000, 50_001]
    assert [some.ended for some in found] == [True, True, False]
    found = list(split_lines(iter([b"\n" * 250_000]), "a.txt", batch_bytes=10))
    assert [(len(some.bodies), some.ended) for some in found] == [
        (100_000, True),
        (100_000, True),
        (50_000, True),
    ]


def test_decoding():
    assert lines.decode([b"\xef\xbb\xbfa\r", b"\xef\xbb\xbfb"], first_of_file=True) == [
        "a",
        "\ufeffb",
    ]
    assert lines.decode([b"a\r", b"\xff\r", b"\r"], first_of_file=False) == ["a", None, ""]
    assert lines.decode([b"a\rb\r\r"], first_of_file=False) == ["a\rb\r"]
    assert lines.decode([], first_of_file=True) == []
