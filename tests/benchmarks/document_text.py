"""Text for the benchmarks of documents: as many megabytes as are wanted, no two documents alike.

What is repeated is a folder of JSONL files with the field `text` (plain or compressed) that the
environment variable `BENCH_TEXT` names by a glob; without it the texts of the demo's corpus, put
together to documents.
"""

import json
import os
import pathlib
import random
import subprocess
import sys

from pipelines.formats import registry

_LINES_PER_DOCUMENT = 40
# One word in so many is put in the place of another, anew in each copy.
_SWAPPED = 20


def documents(folder: pathlib.Path) -> list[str]:
    """The documents that are repeated."""
    if pattern := os.environ.get("BENCH_TEXT"):
        paths = sorted(str(path) for path in pathlib.Path().glob(pattern)) or [pattern]
        units = registry.plan(paths, ["train"] * len(paths), 1 << 40)
        texts = [
            text
            for unit in units
            for batch in registry.read(unit, ["text"])
            for text in batch.column("text").to_pylist()
        ]
        return [text for text in texts if text]
    fetched = folder / "corpus"
    command = [sys.executable, "-m", "runners", "corpus", "--target", "de", "--output"]
    subprocess.run([*command, str(fetched)], check=True, stdout=subprocess.DEVNULL)
    lines = (fetched / "train.tsv").read_text(encoding="utf-8").replace("\t", "\n").splitlines()
    starts = range(0, len(lines), _LINES_PER_DOCUMENT)
    return ["\n".join(lines[start : start + _LINES_PER_DOCUMENT]) for start in starts]


def write(folder: pathlib.Path, megabytes: int) -> pathlib.Path:
    """A JSONL file of about that size, made once."""
    path = folder / f"documents-{megabytes}.jsonl"
    if path.is_file():
        return path
    texts = documents(folder)
    temporary = path.with_suffix(".tmp")
    size = copy = 0
    with open(temporary, "w", encoding="utf-8") as stream:
        while size < megabytes * 1_000_000:
            for number, text in enumerate(texts):
                line = json.dumps(
                    {"id": f"{copy}-{number}", "text": _changed(text, copy, number)},
                    ensure_ascii=False,
                )
                size += stream.write(line + "\n")
                if size >= megabytes * 1_000_000:
                    break
            copy += 1
    os.replace(temporary, path)
    return path


def _changed(text: str, copy: int, number: int) -> str:
    """The text with some of its words in other places, and the copy's number at its end."""
    words = text.split(" ")
    draw = random.Random(copy * 1_000_003 + number)
    for _ in range(len(words) // _SWAPPED):
        first, second = draw.randrange(len(words)), draw.randrange(len(words))
        words[first], words[second] = words[second], words[first]
    return " ".join([*words, str(copy)])
