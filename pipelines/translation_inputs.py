"""The input of a translation run: which files, what they hold, and the names of their translations.

A file is read once here, from beginning to end, to know its checksum: that is how a later run sees
that it changed. Compressed files are unpacked beside the units, because a compressed stream cannot
be cut into pieces that two workers read and that a restart goes on from.
"""

from __future__ import annotations

import bz2
import dataclasses
import fnmatch
import gzip
import lzma
import os
import posixpath
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from electra_model.errors import InputError, WorkError

from . import files, mirror
from .formats import registry

FORMATS = ("txt", "jsonl", "csv", "tsv", "parquet")
DELIMITERS = {"csv": ",", "tsv": "\t"}

# The text field that a TSV file without a header need not name: its first column.
_DEFAULT_FIELD = "text"

_UNPACKERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gz": lambda stream: gzip.GzipFile(fileobj=stream),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zst": lambda stream: zstandard.ZstdDecompressor().stream_reader(
        stream, read_across_frames=True
    ),
}
# gzip's header has no time in it: window bits over 15 write the plainest header there is.
_PACKERS: dict[str, Callable[[], Any]] = {
    "gz": lambda: zlib.compressobj(6, zlib.DEFLATED, 31),
    "bz2": bz2.BZ2Compressor,
    "xz": lzma.LZMACompressor,
    "zst": lambda: zstandard.ZstdCompressor().compressobj(),
}


@dataclasses.dataclass(frozen=True)
class InputFile:
    """One file to translate.

    Attributes:
      path: as the user named it. name: of its translation, below the output folder.
      format, compression: see `formats.registry`.
      sha256, bytes: of the stored file.
      header: the first row of a delimited file when it names the columns, as it is spelled; else
        None.
      columns: number of columns of a delimited file with a header.
      plain: the file that units read: the file itself, or its unpacked copy.
    """

    path: str
    name: str
    format: str
    compression: str | None
    sha256: str
    bytes: int
    header: bytes | None = None
    columns: int | None = None
    plain: str = ""


def find_inputs(patterns: Sequence[str]) -> list[str]:
    """The files that the patterns name, each once however it is spelled. Raises `InputError` when
    one names none."""
    for pattern in patterns:
        if "\0" in pattern:
            raise InputError(f"translate.input: {pattern!r} holds a null byte; no file name can")
    found = {_absolute(path): path for path in reversed(files.expand(patterns, "translate.input"))}
    return list(reversed(found.values()))


def output_names(paths: Sequence[str]) -> list[str]:
    """The name below the output folder of each input's translation.

    The file names, when no two are equal; otherwise the paths below the folder that all inputs have
    in common:

    >>> output_names(["docs/a.txt", "docs/b/c.txt"])
    ['a.txt', 'c.txt']
    >>> output_names(["docs/a.txt", "docs/b/a.txt"])
    ['a.txt', 'b/a.txt']
    """
    names = [posixpath.basename(path) for path in paths]
    if len(set(names)) < len(names):
        absolute = [_absolute(path) for path in paths]
        common = posixpath.commonpath([posixpath.dirname(path) for path in absolute])
        names = [posixpath.relpath(path, common) for path in absolute]
    return names


def check_places(
    patterns: Sequence[str], paths: Sequence[str], output: str, names: Sequence[str]
) -> None:
    """Refuses an output folder whose files would be, or would later be taken for, input.

    Raises:
      InputError: it is a file, it holds an input, or a pattern of the input matches what would be
        written.
    """
    if files.is_remote(output):
        folder = output.rstrip("/") + "/"
        inside = [path for path in paths if path.startswith(folder)]
    else:
        if os.path.lexists(output) and not os.path.isdir(output):
            raise InputError(f"translate.output: {output} is not a folder; name another one")
        folder = os.path.join(os.path.realpath(output), "")
        inside = [path for path in paths if os.path.realpath(path).startswith(folder)]
    remedy = "name an output folder outside of the input with --output"
    if inside:
        raise InputError(
            f"translate.output: the input {inside[0]} lies in the output folder {output}; {remedy}"
        )
    for name in names:
        if name.split("/")[0] == "_electra":
            raise InputError(
                f"translate.input: the translation of {name} would lie in _electra/; rename that folder"
            )
        target = _absolute(files.join(output, name))
        for pattern in patterns:
            if _matches(target, pattern):
                raise InputError(
                    f"translate.output: {output} lies in the input: {pattern!r} would read the translations "
                    f"as well; {remedy}"
                )


def _matches(path: str, pattern: str) -> bool:
    """Whether a glob, or the files of a folder, name `path` (absolute, it need not exist)."""
    if not files.is_remote(pattern) and os.path.isdir(pattern):
        return posixpath.dirname(path) == _absolute(pattern)
    return _match_parts(path.split("/"), _absolute(pattern).split("/"))


def _match_parts(path: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_match_parts(path[skip:], pattern[1:]) for skip in range(len(path) + 1))
    return (
        bool(path)
        and fnmatch.fnmatchcase(path[0], pattern[0])
        and _match_parts(path[1:], pattern[1:])
    )


def _absolute(path: str) -> str:
    return path if files.is_remote(path) else os.path.abspath(path)


def examine(path: str, name: str) -> InputFile:
    """Format and checksum of an input. Raises `InputError` when it cannot be read or is not what
    its name says."""
    try:
        form, compression = registry.format_of(path)
        digest = files.sha256(path)
        size = files.size(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if form not in FORMATS:
        raise InputError(
            f"{path}: {form} files cannot be translated; known are {', '.join(FORMATS)}"
        )
    return InputFile(path, name, form, compression, digest, size, plain=path)


def open_up(file: InputFile, text_field: str, output_field: str, folder: str) -> InputFile:
    """The file ready to be cut into units: unpacked below `folder`, its columns known.

    Raises:
      InputError: it is damaged, has no text column, or has the columns that would be added already.
    """
    if file.bytes == 0:
        return file
    if file.compression is not None:
        plain = files.join(folder, f"{file.sha256}.{file.format}")
        if not files.exists(plain):
            _unpack(file, plain)
        file = dataclasses.replace(file, plain=plain)
    if file.format == "parquet":
        _check_parquet(file, text_field, output_field)
    elif file.format == "jsonl":
        _check_keys(file, output_field)
    elif file.format in DELIMITERS:
        file = _read_header(file, text_field)
        if file.header is not None:
            delimiter = DELIMITERS[file.format]
            names = mirror.cell_texts(file.header, delimiter, quoting=file.format == "csv")
            _check_names(file, names, output_field)
    return file


def pack(chunks: Iterable[bytes], compression: str | None) -> Iterator[bytes]:
    """Compresses a stream as a whole, so that the same content always gives the same bytes."""
    if compression is None:
        yield from chunks
        return
    packer = _PACKERS[compression]()
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def _unpack(file: InputFile, plain: str) -> None:
    """Writes the unpacked copy, all or nothing."""

    def chunks() -> Iterator[bytes]:
        with files.open_read(file.path) as stored, _UNPACKERS[compression](stored) as stream:
            while chunk := stream.read(1 << 20):
                yield chunk

    compression = file.compression or ""
    try:
        files.write_atomic(plain, chunks())
    except (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, gzip.BadGzipFile) as error:
        raise InputError(
            f"{file.path}: is damaged and cannot be unpacked ({error}); get it again"
        ) from None
    except OSError as error:
        # bz2 says so of damaged data, without an error number.
        kind = InputError if error.errno is None else WorkError
        raise kind(f"{file.path}: cannot be unpacked: {error.strerror or error}") from None


def _check_parquet(file: InputFile, text_field: str, output_field: str) -> None:
    try:
        schema = pq.read_schema(file.plain)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file.path}: is no complete Parquet file ({reason})") from None
    _check_names(file, schema.names, output_field)
    if text_field in schema.names:
        kind = schema.field(text_field).type
    else:
        kind = pa.struct(list(schema))
        for part in text_field.split("."):
            if not pa.types.is_struct(kind) or kind.get_field_index(part) < 0:
                raise _no_column(file, text_field, schema.names)
            kind = kind.field(part).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise InputError(f"{file.path}: the column {text_field!r} holds {kind}, not text")


def _check_keys(file: InputFile, output_field: str) -> None:
    """No row of a JSONL file may have a key that is to be added."""
    with files.open_read(file.plain) as stream:
        for number, raw in enumerate(stream, start=1):
            if found := mirror.taken_name(raw, output_field):
                raise InputError(
                    f"{file.path}: row {number} has the field {found!r} already; "
                    "name another one with --output-field"
                )


def _check_names(file: InputFile, names: Sequence[str], output_field: str) -> None:
    for name in mirror.field_names(output_field):
        if name in names:
            raise InputError(
                f"{file.path}: has the column {name!r} already; name another one with --output-field"
            )


def _read_header(file: InputFile, text_field: str) -> InputFile:
    """The file with its header. CSV has one; TSV has one when its first row names the text column.

    A TSV file without a header is text in its first column, or in the column whose number, from 1,
    `text_field` is.
    """
    delimiter = DELIMITERS[file.format]
    raw = b""
    with files.open_read(file.plain) as stream:
        for line in stream:
            raw += line
            if file.format == "tsv" or raw.count(b'"') % 2 == 0:
                break
    names = mirror.cell_texts(raw, delimiter, quoting=file.format == "csv")
    if text_field in names:
        return dataclasses.replace(file, header=raw, columns=len(names))
    if file.format == "csv":
        raise _no_column(file, text_field, names)
    if text_field != _DEFAULT_FIELD and not (
        text_field.isdecimal() and 1 <= int(text_field) <= len(names)
    ):
        raise _no_column(file, text_field, names)
    return file


def _no_column(file: InputFile, text_field: str, names: Sequence[str]) -> InputError:
    shown = ", ".join(repr(name[:40]) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    return InputError(
        f"{file.path}: has no column {text_field!r}; it has {shown}: name one with --text-field"
    )
