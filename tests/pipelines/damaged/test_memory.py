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


CLEAN = """
import os, re, sys, threading
from pipelines import files, units
from pipelines.cleaning import clean
from pipelines.config import PrepareConfig
from pipelines.formats import registry
path, folder = sys.argv[1:]
rules = {"max_repetition": 1000, "max_markup_share": 1, "max_url_share": 1, "min_script_share": 0,
         "min_letters_share": 0}
config = PrepareConfig(workdir=folder, source_lang="en", target_lang="de", clean=rules)
(task,) = clean.tasks_for(
    config, registry.plan([path], ["monolingual:en"], 1 << 30), {path: files.stamp(path)}
)
def written():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
peak, done = [written()], threading.Event()
def sample():
    while not done.wait(0.005):
        peak.append(written())
sampler = threading.Thread(target=sample)
sampler.start()
(chunk,) = clean.work(config, task, units.Parts(folder, task.id, "f"))["chunks"]
done.set()
sampler.join()
print(*chunk["rejected"], max(peak) - peak[0])
"""


@pytest.mark.parametrize(
    "piece",
    [
        "words <b>, www.a.de a@b.de: ",
        pytest.param("\U0001f600 ä\u0301 <!-- &amp;", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_cleaning_a_text_of_31_megabytes(tmp_path, piece):
    path = tmp_path / "a.txt"
    repeated = piece.encode() * (MEGABYTE // len(piece.encode()))
    with path.open("wb") as stream:
        for number in range(31):
            stream.write(repeated + b"%d " % number)
    command = [sys.executable, "-c", CLEAN, str(path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rule, memory = done.stdout.split()
    assert rule == "max_repetition" and int(memory) < 500
