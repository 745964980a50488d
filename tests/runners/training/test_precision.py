"""What `precision` of a job file comes to on this or that machine."""

import platform

import pytest

from electra_model.config import TrainConfig
from electra_model.fusion import Computation
from runners.health import processor
from runners.training.devices import Devices


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("fpu avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("fpu avx512f avx512_bf16", False),
        ("fpu avx2", False),
    ],
)
def test_units_are_known_by_the_flags_of_the_processor(monkeypatch, tmp_path, flags, has):
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: amx_bf16\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "CPUINFO", str(path))
    assert processor.has_bfloat16() is has
    assert processor.flags() == set(flags.split()) and processor.model() == "amx_bf16"


def test_a_machine_that_does_not_tell_has_none(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "CPUINFO", str(tmp_path / "none"))
    assert processor.has_bfloat16() is False and processor.flags() == set()
    assert processor.model() == platform.machine()


@pytest.mark.parametrize(
    ("precision", "has", "dtype", "said"),
    [
        ("auto", True, "bfloat16", "train: matrix products in bfloat16"),
        ("auto", False, "float32", ""),
        ("bfloat16", False, "bfloat16", ""),
        ("float32", True, "float32", ""),
    ],
)
def test_auto_takes_bfloat16_where_there_are_units(monkeypatch, capfd, precision, has, dtype, said):
    monkeypatch.setattr(processor, "has_bfloat16", lambda: has)
    found = Devices().computation_of("train", TrainConfig(precision=precision))
    assert found == Computation(fused=True, dtype=dtype)
    told = capfd.readouterr().err
    assert told.startswith(said) and bool(told) == bool(said)
