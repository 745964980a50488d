"""Text for the benchmarks of documents: as many megabytes as are wanted, no two documents alike.

What is repeated is a folder of JSONL files with the field `text` (plain or compressed) that the
environment variable `BENCH_TEXT` names by a glob; without it the texts of the demo's corpus, put
together to documents. Each copy is another text: words change places, and some give way to words
that were not there before, as many as a longer text of its kind would have.
"""

import hashlib
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
# Of n running words about n ** _GROWTH are distinct (Heaps 1978, section 7.5; 0.4 to 0.6 in English
# text, more where there are names and code).
_GROWTH = 0.6
# Counted into the names of the files: with another recipe they are made anew.
_RECIPE = 2


def documents(folder: pathlib.Path) -> list[str]:
    """The documents that are repeated."""
    if pattern := os.environ.get("BENCH_TEXT"):
        path = pathlib.Path(pattern)
        paths = sorted(map(str, path.parent.glob(path.name))) or [pattern]
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
    """A JSONL file of at least that size and at most one document more, made once.

    The documents that are repeated are in memory, what is written is not.
    """
    made_from = hashlib.sha256(f"{_RECIPE} {os.environ.get('BENCH_TEXT')}".encode()).hexdigest()
    path = folder / f"documents-{made_from[:8]}-{megabytes}.jsonl"
    if path.is_file():
        return path
    texts = documents(folder)
    words = Words(texts)
    temporary = path.with_suffix(".tmp")
    size = copy = 0
    with open(temporary, "wb") as stream:
        while size < megabytes * 1_000_000:
            for number, text in enumerate(texts):
                changed = words.changed(text, copy, number)
                line = json.dumps({"id": f"{copy}-{number}", "text": changed}, ensure_ascii=False)
                size += stream.write(line.encode() + b"\n")
                if size >= megabytes * 1_000_000:
                    break
            copy += 1
    os.replace(temporary, path)
    return path


def split(path: pathlib.Path, parts: int) -> pathlib.Path:
    """A folder with the same documents in so many files, in turn, made once."""
    folder = path.with_name(f"{path.stem}-in-{parts}")
    if folder.is_dir():
        return folder
    temporary = folder.with_suffix(".tmp")
    temporary.mkdir(exist_ok=True)
    streams = [open(temporary / f"part-{number}.jsonl", "wb") for number in range(parts)]
    with open(path, "rb") as stream:
        for number, line in enumerate(stream):
            streams[number % parts].write(line)
    for stream in streams:
        stream.close()
    os.replace(temporary, folder)
    return folder


class Words:
    """Makes copies of texts.

    Args:
      texts: all that are copied; their words are what new words are made of.
    """

    def __init__(self, texts: list[str]) -> None:
        self._running = sum(len(text.split(" ")) for text in texts)
        distinct = {word for text in texts for word in text.split()}
        self._distinct = len(distinct)
        self._models = sorted(word for word in distinct if word.isalpha() and len(word) > 3)
        self._models = self._models or ["word"]

    def new_share(self, copy: int) -> float:
        """How many of a copy's running words, copies counted from 0, are seen for the first time:
        none of the first copy's are made up."""
        grown = (copy + 1) ** _GROWTH - copy**_GROWTH
        return min(1.0, self._distinct * grown / self._running) if copy else 0.0

    def changed(self, text: str, copy: int, number: int) -> str:
        """The text with some of its words in other places and some new ones, and the number of the
        copy at its end."""
        words = text.split(" ")
        draw = random.Random(copy * 1_000_003 + number)
        for _ in range(len(words) // _SWAPPED):
            first, second = draw.randrange(len(words)), draw.randrange(len(words))
            words[first], words[second] = words[second], words[first]
        expected = self.new_share(copy) * len(words)
        for _ in range(int(expected) + (draw.random() < expected % 1)):
            words[draw.randrange(len(words))] = self._new(draw)
        return " ".join([*words, str(copy)])

    def _new(self, draw: random.Random) -> str:
        """The beginning of one word and the end of another: looks like one, and is hardly ever one
        that was there."""
        first, second = draw.choice(self._models), draw.choice(self._models)
        return first[: 1 + len(first) * 2 // 3] + second[len(second) // 3 :]
