import hashlib
import os

import pytest

from electra_model.errors import InputError
from pipelines import files


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


def test_globs_folders_and_repetitions(tmp_path):
    for name in ("b.txt", "a.txt", ".hidden", "_private"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder").mkdir()
    both = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert files.expand([str(tmp_path)], "k") == both
    assert files.expand([both[1], f"{tmp_path}/*.txt"], "k") == [both[1], both[0]]
    with pytest.raises(InputError, match=r"k: no file matches '.*\.csv'"):
        files.expand([f"{tmp_path}/*.csv"], "k")


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
