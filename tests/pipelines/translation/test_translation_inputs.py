import gzip
import os

import pytest

from electra_model.errors import InputError
from pipelines.translation import translation_inputs
from pipelines.translation.translation_inputs import (
    InputFile,
    check_places,
    find_inputs,
    output_names,
)


def opened(tmp_path, name, content: bytes, text_field="text", output_field="translation"):
    (tmp_path / name).write_bytes(content)
    file = translation_inputs.examine(str(tmp_path / name), name)
    return translation_inputs.open_up(
        file, text_field, output_field, str(tmp_path / "unpacked"), unit_bytes=1000
    )


def test_each_file_once_however_it_is_spelled(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    for name in ("b.txt", "a.txt", ".hidden.txt", "ä b.txt"):
        (tmp_path / "docs" / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    patterns = ["docs/b.txt", "docs", f"{tmp_path}/docs/*.txt", "./docs/../docs/a.txt"]
    assert find_inputs(patterns) == ["docs/b.txt", "docs/a.txt", "docs/ä b.txt"]
    with pytest.raises(InputError, match="no file matches 'docs/x.*'"):
        find_inputs(["docs/*.txt", "docs/x.*"])
    with pytest.raises(InputError, match="null byte"):
        find_inputs(["docs/\0.txt"])


def test_output_names():
    assert output_names(["d/a.txt", "d/e/b.txt"]) == ["a.txt", "b.txt"]
    assert output_names(["d/a.txt", "d/e/a.txt", "d/b.txt"]) == ["a.txt", "e/a.txt", "b.txt"]
    assert output_names(["/x/d/a.txt", "/x/e/a.txt"]) == ["d/a.txt", "e/a.txt"]


@pytest.mark.parametrize(
    ("patterns", "output"),
    [
        (["docs"], "docs"),
        (["docs/*.txt"], "docs"),
        (["docs/*.txt"], "."),
        (["docs/**/*.txt"], "docs/out"),
        (["docs/**"], "docs/out/deep"),
        (["**/*.txt"], "out"),
        (["*/*.txt"], "out"),
        (["link/*.txt"], "docs"),
    ],
)
def test_output_that_is_input_is_refused(tmp_path, monkeypatch, patterns, output):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("x")
    (tmp_path / "link").symlink_to("docs")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="translate.output: .*--output"):
        check_places(patterns, find_inputs(patterns), output, ["a.txt"])


@pytest.mark.parametrize(
    ("patterns", "output"),
    [(["docs"], "out"), (["docs/*.txt"], "docs/out"), (["docs/a.txt"], "docs-out")],
)
def test_output_beside_the_input(tmp_path, monkeypatch, patterns, output):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    check_places(patterns, find_inputs(patterns), output, ["a.txt"])


def test_output_that_is_a_file_or_takes_our_folder(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="out is not a folder"):
        check_places(["x"], ["x"], str(tmp_path / "out"), ["x"])
    with pytest.raises(InputError, match="would lie in _electra/"):
        check_places(["x"], ["x"], str(tmp_path / "new"), ["_electra/a.txt"])


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.warc.gz", "warc"),
        ("a.arrow", "arrow"),
    ],
)
def test_archives_are_not_translated(tmp_path, name, form):
    (tmp_path / name).write_bytes(b"")
    message = f"{name}: is in {form}, which can be trained on and not yet be translated; what is"
    with pytest.raises(InputError, match=message):
        translation_inputs.examine(str(tmp_path / name), name)
    with pytest.raises(InputError, match=message):
        translation_inputs.check(str(tmp_path / name), "text", "translation")
    (tmp_path / "a.en").write_bytes(b"")
    with pytest.raises(InputError, match="a.en: unknown kind of file"):
        translation_inputs.examine(str(tmp_path / "a.en"), "a.en")


def test_examine_tells_what_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="gone.txt: cannot be read \\(No such file"):
        translation_inputs.examine(str(tmp_path / "gone.txt"), "gone.txt")
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(InputError, match="a.docx: unknown kind of file"):
        translation_inputs.examine(str(tmp_path / "a.docx"), "a.docx")
    (tmp_path / "a.txt.gz").write_text("x")
    with pytest.raises(InputError, match="its name says gzip"):
        translation_inputs.examine(str(tmp_path / "a.txt.gz"), "a.txt.gz")
    (tmp_path / "a.parquet").write_text("")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        opened(tmp_path, "a.parquet", b"")


@pytest.mark.parametrize("name", ["a.tmx", "de.mo.xz"])
def test_catalogues_are_not_translated(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    message = f"{name}: is a catalogue of translations, .*; what is translated is tsv csv jsonl"
    with pytest.raises(InputError, match=message):
        translation_inputs.examine(str(tmp_path / name), name)


def test_a_cut_off_archive_is_refused_and_leaves_nothing(tmp_path):
    content = gzip.compress(os.urandom(100_000).hex().encode())[:50_000]
    with pytest.raises(InputError, match="a.txt.gz: .*copy it again"):
        opened(tmp_path, "a.txt.gz", content)
    assert not list((tmp_path / "unpacked").iterdir())


@pytest.mark.parametrize(
    ("content", "field", "header", "columns"),
    [
        (b"one\ttwo\n", "text", None, None),
        (b"one\ttwo\n", "2", None, None),
        (b"id\ttext\n1\tx\n", "text", b"id\ttext\n", 2),
        (b"\xef\xbb\xbftext\r\nx", "text", b"\xef\xbb\xbftext\r\n", 1),
    ],
)
def test_tsv_header(tmp_path, content, field, header, columns):
    file = opened(tmp_path, "a.tsv", content, field)
    assert (file.header, file.columns) == (header, columns)


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("a.tsv", b"one\ttwo\n", "body"),
        ("a.tsv", b"one\ttwo\n", "3"),
        ("a.tsv", b"one\ttwo\n", "0"),
        ("a.csv", b"id,body\n1,x\n", "text"),
        ("a.csv", b"id,body\n1,x\n", "1"),
    ],
)
def test_no_such_column(tmp_path, name, content, field):
    with pytest.raises(
        InputError, match=f"{name}: has no column '{field}'; it has '.*--text-field"
    ):
        opened(tmp_path, name, content, field)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": "x", "translation_score": 1}\n'),
        ("a.csv", b"text,translation_score\nx,1\n"),
        ("a.tsv", b"text\ttranslation_score\nx\t1\n"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n{"translation_score": 1}\n', mtime=0)),
    ],
)
def test_a_field_that_would_be_overwritten(tmp_path, name, content):
    with pytest.raises(InputError, match="'translation_score' already; name .* --output-field"):
        opened(tmp_path, name, content)
    assert opened(tmp_path, name, content, output_field="de").name == name


def test_empty_files_need_no_columns(tmp_path):
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.txt", "a.jsonl.gz"):
        assert opened(tmp_path, name, b"").bytes == 0
    assert opened(tmp_path, "b.csv.gz", gzip.compress(b"")).header is None


@pytest.mark.parametrize("compression", [None, "gzip", "zstd", "bzip2", "xz"])
def test_packing_gives_the_same_bytes_every_time(tmp_path, compression):
    chunks = [b"one\n", b"", b"two\n" * 1000]
    packed = b"".join(translation_inputs.pack(chunks, compression))
    assert packed == b"".join(translation_inputs.pack([b"".join(chunks)], compression))
    ending = {None: "", "gzip": ".gz", "zstd": ".zst", "bzip2": ".bz2", "xz": ".xz"}[compression]
    file = opened(tmp_path, f"a.txt{ending}", packed)
    assert isinstance(file, InputFile)
    with open(file.plain, "rb") as stream:
        assert stream.read() == b"".join(chunks)
