"""Sound corpora as bytes in every format and compression, and the shape of a damaged file."""

import bz2
import csv
import dataclasses
import gzip
import io
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.pipelines.small_jobs import sentences

PAIRS = [
    (f"{source} {n} ä", f"{target} {n} €😀") for n, (source, target) in enumerate(sentences(60))
]


@dataclasses.dataclass(frozen=True)
class Case:
    """A file, and what must come of it.

    Attributes:
      name: of the case. file: name of the file. data: what it holds.
      rows: how many records it has, counted without the reader; None where it cannot be read.
      errors: slug -> how many of them are unreadable; None where the maker does not know.
      may_fail: an `InputError` will do as well, since the damage may lie where it is noticed.
      raw: the bytes that the rows must add up to, for line formats; None where there are none.
      slow: the same damage, to the same effect, as in a case of another format, compression or
        place: for `make test-slow`.
    """

    name: str
    file: str
    data: bytes
    rows: int | None
    errors: dict[str, int] | None = None
    may_fail: bool = False
    raw: bytes | None = None
    slow: bool = False


def encode(kind, pairs=PAIRS):
    """Pairs as the bytes of a file: "tsv", "csv", "jsonl", "txt" (sources alone) or "parquet"."""
    if kind == "tsv":
        return "".join(f"{source}\t{target}\n" for source, target in pairs).encode()
    if kind == "csv":
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([("source", "target"), *pairs])
        return stream.getvalue().encode()
    if kind == "jsonl":
        rows = [{"source": source, "target": target} for source, target in pairs]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if kind == "txt":
        return "".join(f"{source}\n" for source, _ in pairs).encode()
    return parquet(pa.table({"source": [p[0] for p in pairs], "target": [p[1] for p in pairs]}))


def parquet(table, **options):
    """A table as the bytes of a Parquet file of several row groups."""
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=25, **options)
    return stream.getvalue()


# With checksums: without one, a changed byte of text cannot be told from the text.
COMPRESS = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
LINE_KINDS = ("tsv", "csv", "jsonl", "txt")
HEADER = b"source,target\n"


def count_lines(data):
    """Lines of bytes, the last one ended or not."""
    return data.count(b"\n") + (data != b"" and not data.endswith(b"\n"))


def fields_of(file):
    """The columns to read of a file with such a name."""
    return ["text"] if ".txt" in file.lower() else ["source", "target"]
