"""Records that are too large: a row with its place, and not with all of its bytes."""

import gzip
import itertools
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from electra_model.errors import InputError
from pipelines.formats import documents, lines, registry
from pipelines.formats.lines import split_lines

MOST = 1000
SMALL = "ein kurzer Satz"
# Of two bytes each, behind one of one byte: what is cut off is cut off between characters.
LARGE = "a" + "ä" * 600


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", MOST)
    monkeypatch.setattr(documents, "LARGEST", MOST)


def rows_of(path, unit_bytes, role="train", raw=True, text_rows="line"):
    """(error, source, target, raw) of all rows of a file cut into units."""
    fields = ["source", "target"] if role == "train" else ["source"]
    found = []
    units = registry.plan([str(path)], [role], unit_bytes, text_rows=text_rows)
    for unit in units:
        for batch in registry.read(unit, fields, raw=raw):
            columns = [column.to_pylist() for column in batch.columns[1:]]
            raws = columns.pop(1) if raw else [b""] * batch.num_rows
            texts = [*columns[1:], *[[None] * batch.num_rows] * (3 - len(columns))]
            found += zip(columns[0], *texts, raws, strict=True)
    return found


@pytest.mark.parametrize("unit_bytes", [100, 777, 1 << 20])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("kind", "header", "line"),
    [
        ("tsv", "", lambda s, t: f"{s}\t{t}"),
        ("csv", "source,target\n", lambda s, t: f"{s},{t}"),
        ("csv", "source,target\n", lambda s, t: f'"{s}","{t}"'),
        ("jsonl", "", lambda s, t: json.dumps({"source": s, "target": t}, ensure_ascii=False)),
    ],
)
def test_a_line_costs_its_row(tmp_path, kind, header, line, ending, unit_bytes):
    path = tmp_path / f"a.{kind}{ending}"
    records = [(SMALL, "1"), (LARGE, "2"), (SMALL, "3"), (SMALL, LARGE), (LARGE, "5"), (SMALL, "6")]
    data = (header + "\n".join(line(*record) for record in records)).encode()
    path.write_bytes(gzip.compress(data) if ending else data)
    rows = rows_of(path, unit_bytes)
    assert [row[:3] for row in rows] == [
        ("too_large", None, None) if LARGE in record else (None, *record) for record in records
    ]
    for row, record in zip(rows, records, strict=True):
        if LARGE in record:
            whole = line(*record)
            assert whole.startswith(row[3].decode()) and 196 < len(row[3]) <= 200


def test_at_and_above_the_bound(tmp_path):
    path = tmp_path / "a.txt"
    for size, end in itertools.product((MOST, MOST + 1), (b"\n", b"")):
        path.write_bytes(b"one\n\n" + b"x" * size + end)
        found = rows_of(path, 1 << 20, "monolingual:en")
        assert [row[:2] for row in found] == [
            (None, "one"),
            (None, ""),
            (None, "x" * size) if size == MOST else ("too_large", None),
        ]


def test_which_lines_are_too_large_does_not_hang_on_blocks():
    sizes = [0, 5, 1000, 1001, 0, 999, 3000, 1001, 1, 2500]
    data = b"\n".join(b"%d" % (n % 10) * size for n, size in enumerate(sizes))
    for step in (1, 7, 500, 999, 1000, 1001, 4096, len(data)):
        blocks = [data[start : start + step] for start in range(0, len(data), step)]
        for batch_bytes in (1, 900, 1 << 20):
            found = list(split_lines(iter(blocks), "a.txt", batch_bytes))
            measured = []
            for some in found:
                if some.too_large:
                    assert len(some.bodies) == 1 and len(some.bodies[0]) == 200
                    measured.append(some.too_large - some.ended)
                else:
                    measured += map(len, some.bodies)
            assert measured == sizes
            assert [some.ended for some in found] == [True] * (len(found) - 1) + [False]


def test_csv_records_around_a_line_that_is_too_large(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(f'source,target\n"open\n{LARGE},x\n"quoted\ncell",b\n{LARGE}"\nc,d\n'.encode())
    expected = [
        ("malformed_csv", None, None), ("too_large", None, None), (None, "quoted\ncell", "b"),
        ("too_large", None, None), (None, "c", "d"),
    ]  # fmt: skip
    for unit_bytes in (1, 50, 1 << 20):
        assert [row[:3] for row in rows_of(path, unit_bytes)] == expected


@pytest.mark.parametrize("kind", ["tsv", "csv"])
def test_a_header_that_is_too_large_is_none(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"source" + b"," * 1000 + b"\na,b\n")
    unit = registry.plan([str(path)], ["train"], 100)[0]
    with pytest.raises(InputError, match=rf"a\.{kind}: its first row must name the columns"):
        registry.check_fields(unit, ["source"], header=True)


def test_line_aligned_files(tmp_path):
    (tmp_path / "x.en").write_text(f"{LARGE}\n{SMALL}\n{SMALL}\n")
    (tmp_path / "x.de").write_text(f"eins\n{LARGE}\ndrei\n")
    path, partner = str(tmp_path / "x.en"), str(tmp_path / "x.de")
    for unit_bytes in (10, 1 << 20):
        units = registry.plan([path], ["train"], unit_bytes, partners={path: partner})
        batches = [b for unit in units for b in registry.read(unit, ["s", "t"], raw=True)]
        rows = pa.Table.from_batches(batches).to_pydict()
        assert rows["error"] == ["too_large", "too_large", None]
        assert rows["s"] == [None, None, SMALL] and rows["t"] == [None, None, "drei"]
        assert all(len(raw) < 300 for raw in rows["raw"])


def test_paragraphs(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(f"{SMALL}\n\n{LARGE}\n{SMALL}\n\n" + "line\n" * 300 + "\nlast\n")
    for unit_bytes in (50, 700, 1 << 20):
        rows = rows_of(path, unit_bytes, "monolingual:en", text_rows="paragraph")
        assert [row[:2] for row in rows] == [
            (None, SMALL), ("too_large", None), ("too_large", None), (None, "last"),
        ]  # fmt: skip
        assert LARGE.startswith(rows[1][3].decode()) and rows[2][3] == b"line\n" * 40


def test_documents_and_cells(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(LARGE)
    rows = rows_of(path, 100, "monolingual:en", raw=False, text_rows="document")
    assert [row[:2] for row in rows] == [("too_large", None)]
    path = tmp_path / "a.parquet"
    cells = [[SMALL, LARGE, None, SMALL], [SMALL, SMALL, LARGE, LARGE]]
    pq.write_table(pa.table(dict(zip(["source", "target"], cells, strict=True))), path)
    assert [row[:3] for row in rows_of(path, 1 << 20, raw=False)] == [
        (None, SMALL, SMALL), ("too_large", None, None), ("missing_field", None, None),
        ("too_large", None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("text_rows", ["line", "paragraph", "document"])
def test_what_is_no_text_at_all_is_an_error(tmp_path, monkeypatch, text_rows):
    monkeypatch.setattr(lines, "NO_TEXT", 2000)
    for name, data in (("a.txt", b"x" * 2100), ("b.txt", b"line\n" * 420)):
        if name == "b.txt" and text_rows == "line":
            continue
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=rf"{name}: (a line|a paragraph|is) "):
            raw = text_rows != "document"
            rows_of(tmp_path / name, 1 << 20, "monolingual:en", raw, text_rows)


def test_units_within_a_line_are_no_search_for_its_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n" + b"x" * (5 << 20) + b"\nlast\n")
    units = registry.plan([str(path)], ["train"], 100_000)
    found = [list(lines.read_lines(unit)) for unit in units]
    assert [some.bodies for some in found[0]] == [[b"one"], [b"x" * 200]]
    assert found[0][1].too_large == (5 << 20) + 1
    assert found[1:-1] == [[]] * (len(units) - 2)
    assert [some.bodies for some in found[-1]] == [[b"last"]]
