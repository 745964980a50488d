import gzip

import pytest

from electra_model.errors import InputError
from pipelines.formats import moses, registry


def plan(path, unit_bytes=1 << 20, source="en", target="de"):
    pairs = moses.pair_up([str(path)], source, target)
    return registry.plan(list(pairs), ["train"] * len(pairs), unit_bytes, partners=pairs)


def rows_of(units, raw=False):
    found = []
    for unit in units:
        registry.check_fields(unit, ["source", "target"])
        first = 0
        for batch in registry.read(unit, ["source", "target"], raw=raw):
            columns = [column.to_pylist() for column in batch.columns]
            assert columns[0] == list(range(first, first + batch.num_rows))
            first += batch.num_rows
            found += zip(*columns[1:], strict=True)
    return found


def write(folder, source, target, name="x"):
    (folder / f"{name}.en").write_bytes(source)
    (folder / f"{name}.de").write_bytes(target)
    return folder / f"{name}.en"


SOURCE = b"\xef\xbb\xbfone\r\ntwo\n\nbad \xff\nfive\na\tb\nlast"
TARGET = "\ufeffeins\nzwei, ein langer Satz\r\n\nvier\nf\xfcnf\nä\tb\nletzte\n".encode()
ROWS = [
    (None, "one", "eins"),
    (None, "two", "zwei, ein langer Satz"),
    (None, "", ""),
    ("not_utf8", None, None),
    (None, "five", "fünf"),
    (None, "a\tb", "ä\tb"),
    (None, "last", "letzte"),
]


def test_every_size_of_units_gives_the_same_rows(tmp_path):
    path = write(tmp_path, SOURCE, TARGET)
    whole = plan(path)
    assert [(u.start, u.stop, u.partner_start, u.partner_stop) for u in whole] == [
        (0, len(SOURCE), 0, len(TARGET))
    ]
    assert rows_of(whole) == ROWS
    for unit_bytes in range(1, len(SOURCE + TARGET) + 1):
        assert rows_of(plan(path, unit_bytes)) == ROWS, unit_bytes


def test_units_are_byte_ranges_of_both_files(tmp_path):
    path = write(tmp_path, b"a\nbb\nccc\nd", b"1\n2\n3\n44444444444\n")
    units = plan(path, 5)
    assert [(u.start, u.stop, u.partner_start, u.partner_stop) for u in units] == [
        (0, 2, 0, 2), (2, 5, 2, 4), (5, 9, 4, 6), (9, 10, 6, 18),
    ]  # fmt: skip
    assert [u.size for u in units] == [4, 5, 6, 13]
    assert {u.partner for u in units} == {str(tmp_path / "x.de")}
    assert units[0].paths == (str(tmp_path / "x.en"), str(tmp_path / "x.de"))


def test_large_pairs_are_many_units(tmp_path):
    source = b"".join(b"line %d\n" % n for n in range(200_000))
    target = b"".join(b"eine etwas laengere Zeile %d\n" % n for n in range(200_000))
    units = plan(write(tmp_path, source, target), 1 << 20)
    total = len(source) + len(target)
    assert len(units) in (total >> 20, (total >> 20) + 1)
    assert rows_of(units) == [
        (None, f"line {n}", f"eine etwas laengere Zeile {n}") for n in range(200_000)
    ]


def test_long_lines_are_handed_on_in_small_batches(tmp_path):
    path = write(tmp_path, (b"a" * (3 << 20) + b"\n") * 3, b"b\n" * 3)
    (unit,) = plan(path, 1 << 30)
    sizes = [batch.num_rows for batch in registry.read(unit, ["source", "target"])]
    assert sizes == [2, 1]


def test_raw_rows(tmp_path):
    rows = rows_of(plan(write(tmp_path, SOURCE, TARGET)), raw=True)
    assert rows[3] == ("not_utf8", b"bad \xff\tvier\n", None, None)
    assert rows[1] == (None, b"two\tzwei, ein langer Satz\n", *ROWS[1][1:])


def test_either_side_may_be_unreadable(tmp_path):
    path = write(tmp_path, b"a\n", b"\xff\n")
    assert rows_of(plan(path)) == [("not_utf8", None, None)]


@pytest.mark.parametrize(
    ("source", "target", "counts"),
    [
        (b"a\nb\n", b"1\n", "x.en has 2 lines and .*x.de has 1;"),
        (b"a", b"1\n2", "x.en has 1 lines and .*x.de has 2;"),
        (b"", b"\n", "x.en has 0 lines and .*x.de has 1;"),
        (b"a\n\n", b"1\n", "x.en has 2 lines and .*x.de has 1;"),
        (b"a\n" * 30_000, b"1\n" * 45_001, "x.en has 30,000 lines and .*x.de has 45,001;"),
    ],
)
def test_different_numbers_of_lines(tmp_path, source, target, counts):
    path = write(tmp_path, source, target)
    for unit_bytes in (1, 1 << 20):
        with pytest.raises(InputError, match=counts):
            plan(path, unit_bytes)
    for name in ("x.en", "x.de"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=counts.replace(" has", ".gz has")):
        rows_of(plan(tmp_path / "x.en.gz"))


def test_compressed_and_utf16(tmp_path):
    for name, content in (("x.en", SOURCE), ("x.de", TARGET)):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    (unit,) = plan(tmp_path / "x.en.gz", 1)
    assert rows_of([unit]) == ROWS
    write(tmp_path, b"a\nb", "\ufeff1\n2\n".encode("utf-16-le"), "y")
    write(tmp_path, "\ufeffa\nb".encode("utf-16-be"), b"1\n2\n", "z")
    for name in ("y", "z"):
        (unit,) = plan(tmp_path / f"{name}.en", 1)
        assert rows_of([unit]) == [(None, "a", "1"), (None, "b", "2")]


def test_empty_pair(tmp_path):
    assert rows_of(plan(write(tmp_path, b"", b""))) == []


def test_pairs_are_named_by_their_sources(tmp_path):
    for name in ("a.en", "a.de", "b.pt-BR", "b.de", "c.en.xz", "c.de.xz", "d.tsv", "e.en"):
        (tmp_path / name).write_bytes(b"")

    def pair_up(*names, source="en", target="de"):
        found = moses.pair_up([str(tmp_path / name) for name in names], source, target)
        return {
            k[len(str(tmp_path)) + 1 :]: v and v[len(str(tmp_path)) + 1 :] for k, v in found.items()
        }

    assert pair_up("a.en") == {"a.en": "a.de"}
    assert pair_up("a.de", "a.en", "d.tsv") == {"a.en": "a.de", "d.tsv": None}
    assert pair_up("b.pt-BR", source="pt-BR") == {"b.pt-BR": "b.de"}
    assert pair_up("c.de.xz", "c.en.xz") == {"c.en.xz": "c.de.xz"}
    assert pair_up("a.en", target="en") == {"a.en": None}
    with pytest.raises(InputError, match=r"e\.en: its other side .*e\.de is missing"):
        pair_up("a.en", "e.en")
    with pytest.raises(InputError, match=r"a\.de: is the de side .* by its source, .*a\.en"):
        pair_up("a.de")


def test_names_that_end_in_another_language(tmp_path):
    (tmp_path / "a.fr").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.fr: unknown kind of file; known for pairs are \.tsv"):
        plan(tmp_path / "a.fr")


def test_monolingual_files_may_end_in_their_language(tmp_path):
    (tmp_path / "a.en").write_bytes(b"one\n\ntwo\n")
    (tmp_path / "a.en.gz").write_bytes(gzip.compress(b"one\n"))
    for name, texts in (("a.en", ["one", "", "two"]), ("a.en.gz", ["one"])):
        for text_rows in ("line", "paragraph", "document"):
            (unit,) = registry.plan(
                [str(tmp_path / name)], ["monolingual:en"], 100, text_rows=text_rows
            )
            (batch,) = registry.read(unit, ["text"])
            assert batch.column(2).to_pylist() == texts
    with pytest.raises(InputError, match=r"a\.en: unknown kind .*, \.de of this job; all but"):
        registry.plan([str(tmp_path / "a.en")], ["monolingual:de"], 100)
