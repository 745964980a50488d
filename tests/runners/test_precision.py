"""What `precision` of a job file comes to on this or that machine."""

import pytest

from electra_model.config import TrainConfig
from electra_model.fusion import Computation
from runners import devices
from runners.devices import Devices, cpu_has_bfloat16


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("fpu avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("fpu avx512f avx512_bf16", False),
        ("fpu avx2", False),
    ],
)
def test_units_are_known_by_the_flags_of_the_processor(tmp_path, flags, has):
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: amx_bf16\nflags\t\t: {flags}\n")
    assert cpu_has_bfloat16(str(path)) is has


def test_a_machine_that_does_not_tell_has_none(tmp_path):
    assert cpu_has_bfloat16(str(tmp_path / "none")) is False


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
    monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda: has)
    found = Devices().computation_of("train", TrainConfig(precision=precision))
    assert found == Computation(fused=True, dtype=dtype)
    told = capfd.readouterr().err
    assert told.startswith(said) and bool(told) == bool(said)
