"""The files of a translation memory: Parquet, each written once, whole, under a name of its own.

    key          fixed_size_binary[16]    what was translated, and how: see `memory`
    translation  string
    score        float64, or null
    flags        list of string
    first_flags  list of string
    check        fixed_size_binary[8]     of the five above

Rows are in the order in which they were translated: whoever translates the same documents again
finds what it needs in a few row groups. A name never comes again, so that a file which is gone is
gone for good. Every row that is read is held against its check: a damaged file may lose what was
remembered and never gives a wrong translation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import json
import secrets
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from electra_model.errors import WorkError

from .. import files
from ..translation.outcome import Outcome

KEY_BYTES = 16
_CHECK_BYTES = 8
SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(KEY_BYTES), nullable=False),
        pa.field("translation", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
        pa.field("first_flags", pa.list_(pa.string()), nullable=False),
        pa.field("check", pa.binary(_CHECK_BYTES), nullable=False),
    ]
)
_ENDING = ".parquet"
_DAMAGED = ".damaged"

# About what a unit has: few row groups are read for one, and little besides.
_GROUP_ROWS = 2048


class DamagedError(Exception):
    """A file of a memory that is not what was written."""


def table_of(outcomes: dict[bytes, Outcome]) -> pa.Table:
    """Key -> outcome as rows, in this order."""
    columns = [
        list(outcomes),
        [one.translation for one in outcomes.values()],
        [one.score for one in outcomes.values()],
        [list(one.flags) for one in outcomes.values()],
        [list(one.first_flags) for one in outcomes.values()],
        [_check(key, one) for key, one in outcomes.items()],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _check(key: bytes, outcome: Outcome) -> bytes:
    score = None if outcome.score is None else float(outcome.score)
    text = json.dumps([outcome.translation, score, outcome.flags, outcome.first_flags])
    return hashlib.blake2b(key + text.encode(), digest_size=_CHECK_BYTES).digest()


def write(folder: str, table: pa.Table) -> str:
    """Writes rows as a new file, whole or not at all; returns its name.

    Raises `WorkError` where nothing can be written.
    """
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        row_group_size=_GROUP_ROWS,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
    )
    name = secrets.token_hex(12) + _ENDING
    try:
        files.write_atomic(files.join(folder, name), sink.getvalue())
    except OSError as error:
        raise WorkError(
            f"{folder}: the translation memory cannot be written: {error.strerror or error}; mend "
            "that, name another one with --memory, or use none with --no-memory"
        ) from None
    return name


def sizes(folder: str) -> dict[str, int]:
    """Name -> bytes of the files that are there now."""
    return {name: size for name, size in files.sizes(folder).items() if name.endswith(_ENDING)}


def damaged(folder: str) -> list[str]:
    """The paths of the files that were put aside."""
    names = [name for name in files.sizes(folder) if name.endswith(_DAMAGED)]
    return [files.join(folder, name) for name in sorted(names)]


def put_aside(path: str) -> None:
    """Gives a damaged file a name under which it is not read again."""
    with contextlib.suppress(FileNotFoundError):  # by another process
        files.rename(path, path + _DAMAGED)


@contextlib.contextmanager
def _opened(path: str, metadata: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    """A file of the memory.

    Raises `FileNotFoundError` where it is gone, `DamagedError` where what is read of it is wrong,
    `WorkError` where the system does not let it be read.
    """
    try:
        with (
            files.open_read(path) as stream,
            pq.ParquetFile(stream, metadata=metadata, page_checksum_verification=True) as file,
        ):
            if file.schema_arrow != SCHEMA:
                raise DamagedError(path)
            yield file
    except FileNotFoundError:
        raise
    except OSError as error:
        # What Arrow finds wrong has no number of an error of the system.
        if error.errno in (None, errno.EIO):
            raise DamagedError(path) from None
        raise WorkError(
            f"{path}: the translation memory cannot be read: {error.strerror}; mend that, name "
            "another one with --memory, or use none with --no-memory"
        ) from None
    except (pa.ArrowException, ValueError, MemoryError):
        raise DamagedError(path) from None


def read(path: str) -> pa.Table:
    """All rows; raises as `_opened` says."""
    with _opened(path) as file:
        table = file.read()
        table.validate(full=True)
        return table


@dataclasses.dataclass(frozen=True)
class KnownFile:
    """A file of which a reader holds the beginnings of the keys: 12 bytes a row.

    Attributes:
      path: of the file. metadata: its footer.
      beginnings: uint64 [rows], the first 8 bytes of each key, sorted.
      rows: uint32 [rows], where each of them stands in the file.
      ends: int64 [row groups], the row that each ends before.
    """

    path: str
    metadata: pq.FileMetaData
    beginnings: np.ndarray
    rows: np.ndarray
    ends: np.ndarray

    @classmethod
    def load(cls, path: str) -> KnownFile:
        """Reads the keys; raises as `_opened` says."""
        with _opened(path) as file:
            column = file.read(columns=["key"]).column(0).combine_chunks()
            metadata = file.metadata
            groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
            if not len(column) or len(column) != sum(groups) or column.null_count:
                raise DamagedError(path)
            stored = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * KEY_BYTES :]
            keys = stored[: len(column) * KEY_BYTES].reshape(len(column), KEY_BYTES)
        beginnings = beginnings_of(keys)
        order = np.argsort(beginnings, kind="stable")
        return cls(
            path, metadata, beginnings[order], order.astype(np.uint32), np.cumsum(groups, dtype=int)
        )

    def has(self, beginnings: np.ndarray) -> np.ndarray:
        """uint64 [n] -> bool [n]: which keys may be here. Other keys may begin alike, if hardly
        ever."""
        places = np.searchsorted(self.beginnings, beginnings)
        places = np.minimum(places, len(self.beginnings) - 1)
        return self.beginnings[places] == beginnings

    def fetch(self, keys: Sequence[bytes], beginnings: np.ndarray) -> dict[bytes, Outcome]:
        """The outcomes of those keys that are here; raises as `_opened` says.

        beginnings: uint64 [keys], of the keys.
        """
        starts = np.searchsorted(self.beginnings, beginnings, "left")
        stops = np.searchsorted(self.beginnings, beginnings, "right")
        here = np.flatnonzero(stops > starts).tolist()
        if not here:
            return {}
        rows = np.concatenate([self.rows[starts[n] : stops[n]] for n in here]).astype(np.int64)
        rows = np.unique(rows)
        groups = np.searchsorted(self.ends, rows, "right")
        wanted = {keys[n] for n in here}
        found: dict[bytes, Outcome] = {}
        with _opened(self.path, self.metadata) as file:
            for group in np.unique(groups):
                table = file.read_row_group(int(group), use_threads=False)
                before = int(self.ends[group]) - self.metadata.row_group(int(group)).num_rows
                some = table.take(rows[groups == group] - before)
                for row in zip(*(column.to_pylist() for column in some.columns), strict=True):
                    key, translation, score, *flags, check = row
                    now, first = (tuple(one or ()) for one in flags)
                    outcome = Outcome(translation, score, now, first)
                    if check != _check(key, outcome):
                        raise DamagedError(self.path)
                    if key in wanted:
                        found[key] = outcome
        return found


def beginnings_of(keys: np.ndarray) -> np.ndarray:
    """uint8 [n, 16] -> uint64 [n], the first 8 bytes of each, in an order of bytes that is the same
    on every machine."""
    return np.ascontiguousarray(keys[:, :8]).view(">u8").ravel().astype(np.uint64)
