import importlib.metadata
import time

import pytest

from runners.health import machine_checks, processor


def found(name):
    return next(one for one in machine_checks.findings() if one[1] == name)


def test_nothing_is_wrong_here():
    states = {name: state for state, name, _ in machine_checks.findings()}
    assert {"Python", "versions", "locale", "clock", "temporary files"} <= states.keys()
    assert "fail" not in states.values()


def test_a_library_of_another_version(monkeypatch):
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "1.0" if name == "pyarrow" else version(name)
    )
    state, _, text = found("versions")
    assert state == "fail"
    assert "needs pyarrow >=18" in text and "1.0 is installed" in text
    assert text.endswith("install the lock file again")


@pytest.mark.parametrize(
    ("flags", "state", "words"),
    [
        ({"sse4_2"}, "fail", "no AVX, without which TensorFlow does not start"),
        ({"avx"}, "warn", "no AVX2, so training will be several times slower"),
        ({"avx", "avx2", "fma"}, "ok", "avx2 fma"),
        ({"asimd"}, "ok", "asimd"),
    ],
)
def test_processors(monkeypatch, flags, state, words):
    monkeypatch.setattr(processor, "flags", lambda: flags)
    judged, _, text = found("processor")
    assert (judged, words in text) == (state, True)


def test_a_clock_that_stands_in_the_past(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    state, _, text = found("clock")
    assert state == "warn" and "before this program was installed" in text


def test_little_room_for_temporary_files(monkeypatch, tmp_path):
    usage = type("Usage", (), {"free": 10_000_000})()
    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda folder: usage)
    state, _, text = found("temporary files")
    assert state == "warn" and "set TMPDIR to a larger folder" in text


def test_file_names_that_are_not_utf_8(monkeypatch):
    monkeypatch.setattr(machine_checks.locale, "getencoding", lambda: "ANSI_X3.4-1968")
    state, _, text = found("locale")
    assert state == "warn" and "set LC_ALL=C.UTF-8" in text
