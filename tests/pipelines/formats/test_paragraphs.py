import gzip

import pytest
import zstandard

from electra_model.errors import InputError
from pipelines.formats import lines, paragraphs, registry
from pipelines.units import Unit

TEXT = (
    "\ufeff\n \t\nerste Zeile\r\nzweite  \r\n\r\n\r\ndritte\n\x0b\n  é€𝄞\n\nbad \ufffe\n"
    "more\n\n\nlast ohne Ende"
).encode().replace("\ufffe".encode(), b"\xff")  # fmt: skip
ROWS = [
    (None, "erste Zeile\nzweite  ", b"erste Zeile\r\nzweite  \r\n"),
    (None, "dritte", b"dritte\n"),
    (None, "  é€𝄞", "  é€𝄞\n".encode()),
    ("not_utf8", None, b"bad \xff\nmore\n"),
    (None, "last ohne Ende", b"last ohne Ende"),
]


def plan(path, unit_bytes=1 << 20):
    return registry.plan([str(path)], ["monolingual:en"], unit_bytes, text_rows="paragraph")


def rows_of(units):
    found = []
    for unit in units:
        registry.check_fields(unit, ["text"])
        first = 0
        for batch in registry.read(unit, ["text"], raw=True):
            rows, errors, raws, texts = (column.to_pylist() for column in batch.columns)
            assert rows == list(range(first, first + len(rows)))
            first += len(rows)
            found += zip(errors, texts, raws, strict=True)
    return found


def test_blocks_between_blank_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(TEXT)
    assert rows_of(plan(tmp_path / "a.txt")) == ROWS


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        b"\xef\xbb\xbf\na\n\nb",
        b"\xef\xbb\xbfa\nb\n\n",
        b"one line",
        b"\n\n \n\t\n",
        b"a\n\n\n\nb\nc\n\n",
    ],
)
def test_a_paragraph_belongs_to_the_unit_of_its_first_byte(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    whole = rows_of(plan(path))
    starts, place = [], 0
    for _, _, raw in whole:
        place = content.index(raw, place)
        # The byte order mark is the first line's first byte.
        starts.append(0 if content[:place] == b"\xef\xbb\xbf" else place)
        place += len(raw)
    for cut in range(len(content) + 1):
        units = [
            Unit(0, "0", str(path), "paragraphs", None, 0, cut, cut, "monolingual:en"),
            Unit(1, "1", str(path), "paragraphs", None, cut, len(content), 0, "monolingual:en"),
        ]
        before, after = rows_of(units[:1]), rows_of(units[1:])
        assert before + after == whole, cut
        assert len(before) == sum(start < cut for start in starts), cut
    for unit_bytes in range(1, len(content)):
        assert rows_of(plan(path, unit_bytes)) == whole, unit_bytes


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_every_cut_between_compressed_streams(tmp_path, pack):
    ending = ".gz" if pack is gzip.compress else ".zst"
    path = tmp_path / f"a.txt{ending}"
    for cut in range(1, len(TEXT)):
        for second in {cut, min(cut + 7, len(TEXT) - 1), len(TEXT) - 1} - {cut}:
            parts = TEXT[:cut], TEXT[cut:second], TEXT[second:]
            path.write_bytes(b"".join(map(pack, parts)))
            units = plan(path, 1)
            assert len(units) == 3
            assert rows_of(units) == ROWS, (cut, second)


@pytest.mark.parametrize("name", ["a.txt.bz2", "a.txt.xz", "a.txt.gz"])
def test_a_compressed_file_as_a_whole(tmp_path, name):
    import bz2
    import lzma

    pack = {"bz2": bz2.compress, "xz": lzma.compress, "gz": gzip.compress}[name.split(".")[-1]]
    (tmp_path / name).write_bytes(pack(TEXT))
    assert rows_of(plan(tmp_path / name, 1)) == ROWS


def test_utf16(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffä\r\nö\r\n\r\n\u0a0aü".encode("utf-16-le"))
    rows = rows_of(plan(tmp_path / "a.txt", 3))
    assert [(error, text) for error, text, _ in rows] == [(None, "ä\nö"), (None, "\u0a0aü")]


def test_many_paragraphs_and_white_space_longer_than_a_block(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a" * 100 + b"\n" + b" " * 200_000 + b"\n" + b"b" * 50 + b"\nc\n")
    unit = Unit(0, "0", str(path), "paragraphs", None, 150_000, path.stat().st_size, 0, "x")
    assert [text for _, text, _ in rows_of([unit])] == ["b" * 50 + "\nc"]
    path.write_bytes(b"".join(b"line %d\nand\n\n" % n for n in range(200_000)))
    (unit,) = plan(path)[:1]
    expected = [f"line {n}\nand" for n in range(200_000)]
    assert [text for _, text, _ in rows_of(plan(path))] == expected


def test_a_paragraph_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "NO_TEXT", 1 << 20)
    path = tmp_path / "a.txt"
    path.write_bytes(b"a line\n" * 300_000)
    with pytest.raises(InputError, match=r"a\.txt: a paragraph is larger than 1 MiB"):
        rows_of(plan(path))
    with pytest.raises(InputError, match=r"a\.txt: a paragraph is larger than 1 MiB"):
        rows_of(plan(path, 300_000)[:1])


def test_an_empty_file_has_no_paragraphs(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"")
    assert rows_of(plan(tmp_path / "a.txt")) == []
    assert list(paragraphs.read(plan(tmp_path / "a.txt")[0], ["text"], False)) == []
