import hashlib
import os

import pytest

from electra_model.errors import InputError
from pipelines import files, units


def test_write_is_all_or_nothing(tmp_path):
    path = str(tmp_path / "deep" / "a")
    assert files.write_atomic(path, [b"a", b"b"]) == hashlib.sha256(b"ab").hexdigest()

    def broken():
        yield b"half"
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        files.write_atomic(path, broken())
    assert files.read_bytes(path) == b"ab"
    assert os.listdir(tmp_path / "deep") == ["a"]
    assert files.sha256(path) == hashlib.sha256(b"ab").hexdigest()


def test_a_store_that_nothing_is_installed_for():
    with pytest.raises(InputError) as caught:
        files.exists("ftp://host/name")
    assert str(caught.value) == (
        "ftp://host/name: cannot be reached: object stores are gs:// and s3://"
    )


def test_globs_folders_and_repetitions(tmp_path):
    for name in ("b.txt", "a.txt", ".hidden", "_private"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder").mkdir()
    both = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert files.expand([str(tmp_path)], "k") == both
    assert files.expand([both[1], f"{tmp_path}/*.txt"], "k") == [both[1], both[0]]
    with pytest.raises(InputError, match=r"k: no file matches '.*\.csv'"):
        files.expand([f"{tmp_path}/*.csv"], "k")


def test_what_lies_in_a_folder(tmp_path):
    for name, content in {"a": b"1", "_b": b"22"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    assert files.sizes(str(tmp_path)) == {"a": 1, "_b": 2}
    assert files.sizes(str(tmp_path / "none")) == {}
    files.rename(str(tmp_path / "a"), str(tmp_path / "c"))
    files.remove(str(tmp_path / "_b"))
    files.remove(str(tmp_path / "_b"))
    assert files.sizes(str(tmp_path)) == {"c": 1}


def test_names_with_brackets_are_files_first(tmp_path):
    (tmp_path / "a[1].txt").write_text("x")
    assert files.expand([str(tmp_path / "a[1].txt")], "k") == [str(tmp_path / "a[1].txt")]


def test_remove_and_stamp(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    before = files.stamp(str(path))
    os.utime(path, ns=(1, 1))
    assert files.stamp(str(path)) != before
    files.remove(str(path))
    files.remove(str(path))
    assert not files.exists(str(path))


def test_a_relative_name_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as raised:
        files.expand(["texts/*.csv"], "k")
    assert str(raised.value) == (
        f"k: no file matches 'texts/*.csv' in the folder {tmp_path}; "
        "name an existing file, folder or glob"
    )
    with pytest.raises(InputError, match=r"no file matches '/none/\*\.csv'; name an existing"):
        files.expand(["/none/*.csv"], "k")


def test_new_names_are_durable_once_a_commit(tmp_path, monkeypatch):
    """A part leaves the flush of its folder to the last file; of new folders each one's name is
    flushed in the folder above."""
    flushed = []
    sync = files.sync_folder

    def noted(folder):
        sync(folder)
        flushed.append(os.path.relpath(folder, tmp_path))

    monkeypatch.setattr(files, "sync_folder", noted)
    folder = str(tmp_path / "a" / "b")
    parts = units.Parts(folder, "u", "f")
    for suffix in ("x", "y", "z"):
        parts.add(suffix, b"text")
    assert flushed == [".", "a"]
    parts.commit({})
    assert flushed == [".", "a", "a/b"]
    files.write_atomic(str(tmp_path / "a" / "alone"), b"text")
    assert flushed[3:] == ["a"]
