"""Where every token of every training record came from, beside the record (`dataset.provenance`).

For each shard `dataset/<split>-00003-of-00010.tfrecord[.gz]` there is a file
`dataset/provenance/<split>-00003-of-00010.parquet` (`LINES`). It has one line for each piece of a
record, by record and then by place:

    record  int64       index of the record in its shard
    start   int32       offset of the piece in that record, in tokens; in the ids of its side where
                        records are pairs: 0, unless they are packed (`dataset.pack_pairs`)
    length  int32       tokens of the piece, end marks included
    side    dictionary  "source" and "target", one line each, in records that are pairs; in windows
                        also "text" (monolingual), and "pair" (`dataset.pair_windows`): both sides,
                        divided by the first one's end mark
    file    dictionary  the file, as in `rejected/` its "path"
    unit    dictionary  the unit of the file, as in `rejected/`
    row     int64       the record of the input, counted from 0 in the unit, as in `rejected/`;
                        `places` says which line that is

The pieces of a record are side by side and cover it. A text on which a window ends is two pieces.
Records of `dataset/replaced-*` are those of a shard of windows, in its order.

The bytes depend on the corpus and the settings, not on workers or on the order of the work; another
`dataset.unit_megabytes` cuts other units.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .. import files, records
from ..config import PrepareConfig
from ..stages import part_path
from ..units import Receipt

FOLDER = "provenance"
# The names of its files.
FILES = re.compile(r"[a-z]+-\d{5,}-of-\d{5,}\.parquet")
SIDES = ("source", "target", "pair", "text")

_NAMES = pa.dictionary(pa.int32(), pa.string())
LINES = pa.schema(
    [
        pa.field("record", pa.int64(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
        pa.field("side", _NAMES, nullable=False),
        pa.field("file", _NAMES, nullable=False),
        pa.field("unit", _NAMES, nullable=False),
        records.ROW,
    ]
)

# What a chunk's parts `<part>-origins` say of each row of the part, batch by batch: its row in the
# unit, and its place in `SIDES` ("pair" where it has both).
ORIGINS = pa.schema([records.ROW, pa.field("side", pa.int8(), nullable=False)])

# Numbers are stored as differences: most of them rise by little.
_ENCODING = {name: "DELTA_BINARY_PACKED" for name in ("record", "start", "length", "row")}


def origins(some: Sequence[tuple[str, np.ndarray]]) -> pa.RecordBatch:
    """(side, int64 [n], the rows that texts were read from), one after the other -> `ORIGINS`."""
    rows = [np.zeros(0, np.int64), *(rows for _, rows in some)]
    codes = [SIDES.index(side) for side, _ in some]
    side = np.repeat(np.array(codes, np.int8), [len(rows) for _, rows in some])
    columns = [pa.array(np.concatenate(rows)), pa.array(side)]
    return pa.RecordBatch.from_arrays(columns, schema=ORIGINS)


def origins_part(part: str) -> str:
    """The name of the part that says where the rows of another come from."""
    return f"{part}-origins"


@dataclasses.dataclass(frozen=True)
class Pieces:
    """The pieces of a shard's records, by record and start.

    Attributes:
      record, start, length: int64 [m], as in `LINES`.
      text: int64 [m], the place of the piece's text (or pair) among those of the shard.
      side: int8 [m], its place in `SIDES`; None where it is the text's own.
    """

    record: np.ndarray
    start: np.ndarray
    length: np.ndarray
    text: np.ndarray
    side: np.ndarray | None = None


def pieces_of_pairs(
    source_offsets: np.ndarray, target_offsets: np.ndarray, begins: np.ndarray | None = None
) -> Pieces:
    """Offsets int64 [n + 1] of the sides of n pairs -> two pieces each, source and target.

    Each pair is a record unless `begins`, int64 [records + 1], says where records begin among them,
    as `packing.pack` does.

    >>> pieces = pieces_of_pairs(np.array([0, 2, 5]), np.array([0, 4, 5]))
    >>> pieces.record.tolist(), pieces.length.tolist()
    ([0, 0, 1, 1], [2, 4, 3, 1])
    """
    count = len(source_offsets) - 1
    begins = np.arange(count + 1) if begins is None else begins
    record = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    sides = source_offsets, target_offsets
    start = np.stack([ends[:-1] - ends[begins[record]] for ends in sides], axis=1).ravel()
    length = np.stack([np.diff(ends) for ends in sides], axis=1).ravel()
    text = np.repeat(np.arange(count), 2)
    side = np.tile(np.array([0, 1], np.int8), count)
    return Pieces(np.repeat(record, 2), start, length, text, side)


def pieces_of_windows(offsets: np.ndarray, window_length: int) -> Pieces:
    """Offsets int64 [n + 1] of texts that are laid end to end and cut every `window_length` tokens,
    as `shards.pack_windows` does -> the texts, and the parts of those that are cut.

    >>> pieces = pieces_of_windows(np.array([0, 3, 5, 8]), 6)
    >>> pieces.record.tolist(), pieces.start.tolist(), pieces.length.tolist(), pieces.text.tolist()
    ([0, 0, 0, 1], [0, 3, 5, 0], [3, 2, 1, 2], [0, 1, 2, 2])
    """
    total = int(offsets[-1])
    begins = np.union1d(offsets[:-1], np.arange(0, total, window_length))
    begins = begins[begins < total]  # an empty text at the end has no piece
    return Pieces(
        record=begins // window_length,
        start=begins % window_length,
        length=np.diff(np.append(begins, total)),
        text=np.searchsorted(offsets, begins, side="right") - 1,
    )


def write(
    config: PrepareConfig,
    shard: str,
    receipts: Sequence[Receipt],
    part: str,
    batch: int,
    order: np.ndarray,
    pieces: Pieces,
) -> dict[str, Any]:
    """Writes the file of one shard.

    Args:
      shard: the name of the shard's file, without its ending.
      receipts: of the stage `encode`, all of them.
      part, batch: which of their batches make the shard.
      order: int64 [n], the place that each text or pair of the shard has in those batches.

    Returns:
      {"file": name below `dataset/`, "lines", "bytes", "sha256"}.
    """
    name = f"{FOLDER}/{shard}.parquet"
    data = to_bytes(_lines(config, receipts, part, batch, order, pieces))
    digest = files.write_atomic(files.join(config.workdir, "dataset", name), data)
    return {"file": name, "lines": len(pieces.record), "bytes": len(data), "sha256": digest}


def _lines(
    config: PrepareConfig,
    receipts: Sequence[Receipt],
    part: str,
    batch: int,
    order: np.ndarray,
    pieces: Pieces,
) -> pa.Table:
    read = [
        records.open_table(part_path(config, "encode", receipt, origins_part(part))).get_batch(
            batch
        )
        for receipt in receipts
    ]
    chunk = np.repeat(np.arange(len(read)), [some.num_rows for some in read])
    table = pa.Table.from_batches(read, ORIGINS)
    place = order[pieces.text]
    side = table.column("side").to_numpy()[place] if pieces.side is None else pieces.side
    named = [receipt.facts["origin"] for receipt in receipts]
    columns = [
        pa.array(pieces.record),
        pa.array(pieces.start.astype(np.int32)),
        pa.array(pieces.length.astype(np.int32)),
        pa.DictionaryArray.from_arrays(pa.array(side.astype(np.int32)), pa.array(SIDES)),
        _names([name["file"] for name in named], chunk[place]),
        _names([name["unit"] for name in named], chunk[place]),
        pa.array(table.column("row").to_numpy()[place]),
    ]
    return pa.Table.from_arrays(columns, schema=LINES)


def _names(of_chunks: list[str], chunk: np.ndarray) -> pa.DictionaryArray:
    """The name of each line's chunk; the dictionary has those that are met, in the plan's order."""
    distinct = {name: number for number, name in enumerate(dict.fromkeys(of_chunks))}
    number = np.array([distinct[name] for name in of_chunks], np.int64)[chunk]
    met, index = np.unique(number, return_inverse=True)
    every = list(distinct)
    names = pa.array([every[place] for place in met.tolist()], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), names)


def to_bytes(table: pa.Table) -> bytes:
    """A Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=["side", "file", "unit"],  # type: ignore[arg-type]
        column_encoding=_ENCODING,
    )
    return sink.getvalue().to_pybytes()
