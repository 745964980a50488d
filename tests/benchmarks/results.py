"""RESULTS.md: a section for each benchmark, written by itself with the facts of its machine."""

import os
import platform
import re
from importlib.metadata import version

from runners.health import processor

_HEAD = """# Results

Written by `make bench`, or one section by `python -m tests.benchmarks SECTION`; machines are noisy,
so read the ratios, not the seconds. Peers are as pinned in `peers.lock`.
"""
_PACKAGES = ("apache-beam", "tensorflow", "tensorflow-text", "sentencepiece", "pyarrow", "numpy")
_SECTION = re.compile(r"^<!-- section (\w+) -->\n(.*?)(?=^<!-- section |\Z)", re.M | re.S)


def machine() -> str:
    """Cores, processor, memory and versions, as one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores ({processor.model()}), {memory:.0f} GB of memory; "
        f"Python {platform.python_version()}, {versions}."
    )


def replace(text: str, section: str, lines: list[str], order: list[str]) -> str:
    """The file's text with one section put in its place, the others as they were; sections that
    `order` does not name are left out."""
    found = {name: body.strip() for name, body in _SECTION.findall(text)}
    found[section] = "\n".join(lines).strip()
    parts = [f"<!-- section {name} -->\n{found[name]}\n" for name in order if name in found]
    return "\n".join([_HEAD, *parts])
