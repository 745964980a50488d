"""What those that are compared are called with, and what each of them has written."""

import dataclasses
import json
import pathlib
import sys

import pyarrow.compute as pc
import pyarrow.parquet as pq

from . import peers
from .measuring import run

WORKERS = 2
VOCABULARY = 8000
_HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Written:
    """Documents and tokens of an output; `tokens` is 0 where they are not counted."""

    documents: int
    tokens: int


def prepare(
    text: pathlib.Path, output: pathlib.Path, kind: str = "unigram", workers: int = WORKERS
) -> list[str]:
    """The command that does our half: clean, drop duplicates, learn, tokenise, shuffle, write."""
    vocabulary: dict[str, object] = {"size": VOCABULARY}
    if kind != "unigram":
        vocabulary["kind"] = kind
    settings = {
        "workdir": str(output / "work"),
        "source_lang": "en",
        "target_lang": "de",
        "data": {"monolingual": {"en": [str(text)]}},
        "vocabulary": vocabulary,
        "runner": {"name": "local", "workers": workers},
    }
    job = output / "job.yaml"
    job.write_text(json.dumps(settings))
    return [sys.executable, "-m", "runners", "prepare", str(job)]


def prepared(output: pathlib.Path) -> Written:
    """Documents that were read, the rejected among them, and tokens in windows."""
    info = json.loads((output / "work" / "dataset" / "dataset_info.json").read_text())
    tokens = sum(sum(split["tokens"].values()) for split in info["splits"].values())
    return Written(info["ledger"]["in"], tokens)


def vocabulary_seconds(output: pathlib.Path) -> float:
    """How long the stage took that learns the vocabulary: between its plan and its index."""
    place = output / "work" / "prepare"
    began, ended = (place / f"vocabulary.{kind}.json" for kind in ("plan", "index"))
    return ended.stat().st_mtime - began.stat().st_mtime


def pieces(vocabulary: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """Our pieces with their scores, as JSON that the peers read. Pieces of a list have none."""
    if (vocabulary / "vocab.txt").is_file():
        lines = (vocabulary / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n")
        found = [[piece, 0.0] for piece in lines.split("\n")]
    else:
        import sentencepiece

        processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary / "spm.model"))
        found = [
            [processor.id_to_piece(number), processor.get_score(number)]
            for number in range(processor.get_piece_size())
        ]
    path.write_text(json.dumps(found))
    return path


class Peers:
    """The commands of the peers, with pieces that we learned.

    Args:
      folder: where their environment and their tokenizer are. kind: "unigram" or "wordpiece".
      vocabulary: our vocabulary folder.
    """

    def __init__(self, folder: pathlib.Path, kind: str, vocabulary: pathlib.Path) -> None:
        self._python, self._kind = peers.peer_python(folder), kind
        self._script = str(_HERE / "document_peer.py")
        self._pieces = str(pieces(vocabulary, folder / f"{kind}.json"))
        self._tokenizer = str(folder / f"{kind}-tokenizer.json")
        run([self._python, self._script, "save", kind, self._pieces, self._tokenizer])

    def datasets(self, text: pathlib.Path, output: pathlib.Path) -> list[str]:
        """Hugging Face datasets and tokenizers."""
        arguments = ["encode", self._kind, self._pieces, str(text), str(output), str(WORKERS)]
        return [self._python, self._script, *arguments]

    def datatrove(self, documents: pathlib.Path, output: pathlib.Path) -> list[str]:
        """datatrove; `documents` holds one file per process."""
        script = str(_HERE / "datatrove_tokens.py")
        return [self._python, script, self._tokenizer, str(documents), str(output), str(WORKERS)]


def of_datasets(output: pathlib.Path) -> Written:
    """What datasets wrote: rows of Parquet."""
    documents = tokens = 0
    for batch in pq.ParquetFile(output / "train.parquet").iter_batches(columns=["token_ids"]):
        documents += len(batch)
        tokens += pc.sum(pc.list_value_length(batch.column(0))).as_py() or 0  # pyright: ignore
    return Written(documents, tokens)


def of_datatrove(output: pathlib.Path) -> Written:
    """What datatrove wrote: ids of two bytes, and the end of each document in eight."""
    tokens = sum(path.stat().st_size for path in (output / "tokens").glob("*.ds")) // 2
    ends = sum(path.stat().st_size for path in (output / "tokens").glob("*.ds.index")) // 8
    return Written(ends, tokens)


def of_beam(output: pathlib.Path) -> Written:
    """What natural Beam wrote: a record for each document. Its tokens are not counted."""
    documents = 0
    for path in output.glob("train*.tfrecord"):
        with open(path, "rb") as stream:
            while header := stream.read(12):  # length, and its checksum
                documents += 1
                stream.seek(int.from_bytes(header[:8], "little") + 4, 1)
    return Written(documents, 0)
