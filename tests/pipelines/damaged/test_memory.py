"""A few kB that stand for hundreds of MB: the memory that reading them takes is bounded."""

import bz2
import gzip
import lzma
import subprocess
import sys

import pytest
import zstandard

MEGABYTE = 1 << 20
OPEN = {
    ".gz": lambda path: gzip.open(path, "wb", 6),
    ".bz2": lambda path: bz2.open(path, "wb"),
    ".xz": lambda path: lzma.open(path, "wb", preset=0),
    ".zst": lambda path: zstandard.open(path, "wb"),
    "": lambda path: open(path, "wb"),
}
READ = """
import resource, sys
from electra_model.errors import InputError
from pipelines.formats import registry
rows, said = 0, ""
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for unit in registry.plan([sys.argv[1]], ["train"], 4_000_000):
        for batch in registry.read(unit, ["text"], raw=True):
            rows += batch.num_rows
except InputError as error:
    said = str(error)
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
print(said)
"""


def read(path):
    """(rows, MB of memory that reading took, message of the error) in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    counts, said = done.stdout.split("\n")[:2]
    rows, memory = map(int, counts.split())
    return rows, memory, said


def write(path, block, count):
    with OPEN[path.suffix if path.suffix != ".txt" else ""](path) as stream:
        for _ in range(count):
            stream.write(block)
    return path


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_zeros(tmp_path, ending):
    path = write(tmp_path / f"a.txt{ending}", bytes(MEGABYTE), 200)
    assert path.stat().st_size < 250_000
    rows, memory, said = read(path)
    assert rows == 0 and "holds zero bytes" in said and said.startswith(f"{path}: ")
    assert memory < 150


@pytest.mark.parametrize("ending", ["", ".bz2", ".zst"])
def test_a_million_empty_lines(tmp_path, ending):
    rows, memory, said = read(write(tmp_path / f"a.txt{ending}", b"\n" * MEGABYTE, 1))
    assert (rows, said) == (MEGABYTE, "")
    assert memory < 300


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("megabytes", [31, 200])
def test_a_long_line(tmp_path, ending, megabytes):
    rows, memory, said = read(write(tmp_path / f"a.txt{ending}", b"x" * MEGABYTE, megabytes))
    assert (rows, said) == (1, "")
    assert memory < 250


@pytest.mark.parametrize("ending", ["", ".zst"])
def test_a_line_without_end(tmp_path, ending):
    path = write(tmp_path / f"a.txt{ending}", b"x" * MEGABYTE, 600)
    rows, memory, said = read(path)
    assert rows == 0 and said.startswith(f"{path}: a line is longer than 256 MiB")
    assert memory < 150
