"""What Linux tells of the processor; where it tells nothing, what is known is less."""

from __future__ import annotations

import contextlib
import platform

CPUINFO = "/proc/cpuinfo"


def model() -> str:
    """The name of the model, or else of the architecture."""
    return _first("model name") or platform.machine()


def flags() -> frozenset[str]:
    """The names of its instruction sets: x86's `flags`, ARM's `Features`."""
    return frozenset((_first("flags") or _first("Features")).split())


def has_bfloat16() -> bool:
    """Whether it multiplies matrices of bfloat16 faster than such of float32: those that only have
    vector instructions for it (`avx512_bf16`) gain too little."""
    return "amx_bf16" in flags()


def _first(key: str) -> str:
    with contextlib.suppress(OSError), open(CPUINFO, encoding="utf-8") as stream:
        for line in stream:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
