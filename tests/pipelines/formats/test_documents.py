import gzip

import pytest

from electra_model.errors import InputError
from pipelines.formats import documents, lines, registry


def rows_of(path):
    (unit,) = registry.plan([str(path)], ["monolingual:en"], 1, text_rows="document")
    registry.check_fields(unit, ["text"])
    return [
        (error, text)
        for batch in registry.read(unit, ["text"])
        for error, text in zip(*(c.to_pylist() for c in batch.columns[1:]), strict=True)
    ]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"eins\r\n\r\nzwei\n", (None, "eins\r\n\r\nzwei\n")),
        ("\ufeffgrün".encode(), (None, "grün")),
        ("\ufeffgrün".encode("utf-16-le"), (None, "grün")),
        (b"a\n\xff\n", ("not_utf8", None)),
        (b"", (None, "")),
    ],
)
def test_a_text_file_as_one_row(tmp_path, content, row):
    (tmp_path / "a.txt").write_bytes(content)
    assert rows_of(tmp_path / "a.txt") == [row]
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(content))
    assert rows_of(tmp_path / "a.txt.gz") == [row]


def test_larger_than_a_document(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "LARGEST", 1 << 20)
    for name, content in (("a.txt", b"x" * (1 << 20)), ("a.txt.gz", gzip.compress(b"x" * 2**20))):
        (tmp_path / name).write_bytes(content)
        assert rows_of(tmp_path / name) == [(None, "x" * (1 << 20))]
    for name, content in (("b.txt", b"x" * 1048577), ("b.txt.gz", gzip.compress(b"x" * 1048577))):
        (tmp_path / name).write_bytes(content)
        assert rows_of(tmp_path / name) == [("too_large", None)]
        monkeypatch.setattr(lines, "NO_TEXT", 1 << 20)
        with pytest.raises(InputError, match=f"{name}: is larger than 1 MiB, which is no document"):
            rows_of(tmp_path / name)
        monkeypatch.undo()
        monkeypatch.setattr(documents, "LARGEST", 1 << 20)


def test_binary_files_are_refused_as_ever(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"PK\x03\x04\x00\x00")
    with pytest.raises(InputError, match="a ZIP archive"):
        rows_of(tmp_path / "a.txt")


def test_only_monolingual_text_is_read_otherwise(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\n\nb\n")
    for role in ("train", "translate"):
        for text_rows in ("line", "paragraph", "document"):
            (unit,) = registry.plan([str(tmp_path / "a.txt")], [role], 100, text_rows=text_rows)
            assert unit.format == "text"
