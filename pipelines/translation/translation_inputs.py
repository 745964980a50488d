"""The input of a translation run: which files, what they hold, and the names of their translations.

A file is read once here, from beginning to end, to know its checksum: that is how a later run sees
that it changed. Compressed files are unpacked beside the units, because a compressed stream cannot
be cut into pieces that two workers read and that a restart goes on from.
"""

from __future__ import annotations

import bz2
import dataclasses
import fnmatch
import lzma
import os
import posixpath
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import zstandard

from electra_model.errors import InputError

from .. import files
from ..formats import delimited, registry
from ..formats.compression import check_head, read_compressed
from ..mirrors import mirror, mirror_parquet
from ..mirrors import registry as documents
from ..units import Unit

DELIMITERS = {"csv": ",", "tsv": "\t"}

# The formats whose files can be mirrored: by rows, and documents as wholes.
TRANSLATED = (*registry.LINE_FORMATS, "parquet", *documents.FORMATS)

# Bytes of a document that is looked at as a whole before any work.
_LOOKED_AT = 4 << 20

# The text field that a TSV file without a header need not name: its first column.
_DEFAULT_FIELD = "text"

# Bytes of a file name: 255 are a file system's bound, and the longest name that is made of one,
# `NAME.certificate.tmp-PID-12345678`, has 34 more.
_LONGEST_NAME = 220

# gzip's header has no time in it: window bits over 15 write the plainest header there is.
_PACKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.compressobj(6, zlib.DEFLATED, 31),
    "bzip2": bz2.BZ2Compressor,
    "xz": lzma.LZMACompressor,
    "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
}


@dataclasses.dataclass(frozen=True)
class InputFile:
    """One file to translate.

    Attributes:
      path: as the user named it. name: of its translation, below the output folder.
      format, compression: see `formats.registry` and `mirrors.registry`.
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
    found: dict[str, str] = {}
    for path in files.expand(patterns, "translate.input"):
        found.setdefault(_absolute(path), path)
    return list(found.values())


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
    for path, name in zip(paths, names, strict=True):
        longest = max(len(part.encode()) for part in name.split("/"))
        if longest > _LONGEST_NAME:
            raise InputError(
                f"translate.input: the name of {path} has {longest} bytes; {_LONGEST_NAME} leave "
                "room for the names of what is made beside it: rename the file"
            )
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
                f"translate.input: the translation of {name} would lie in _electra/; "
                "rename that folder"
            )
        target = _absolute(files.join(output, name))
        for pattern in patterns:
            if _matches(target, pattern):
                raise InputError(
                    f"translate.output: {output} lies in the input: {pattern!r} would read "
                    f"the translations as well; {remedy}"
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


def _check_translated(path: str, form: str) -> None:
    if form not in TRANSLATED:
        what = "a catalogue of translations" if form in registry.CATALOGUES else f"in {form}"
        raise InputError(
            f"{path}: is {what}, which can be trained on and not yet be translated; what is "
            f"translated is {' '.join(TRANSLATED)}"
        )


def examine(path: str, name: str) -> InputFile:
    """Format and checksum of an input. Raises `InputError` when it cannot be read or is not what
    its name says, and for a format that is not translated."""
    try:
        form, compression = documents.format_of(path)
        _check_translated(path, form)
        size = files.size(path)
        if size and form != "parquet":
            check_head(path, compression)
        return InputFile(path, name, form, compression, files.sha256(path), size, plain=path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def check(path: str, text_field: str, output_field: str) -> None:
    """Raises `InputError` when a look at the name, the beginning and the header of an input shows
    that it cannot be translated. The whole is not read: `examine` and `open_up` do that.
    """
    try:
        form, compression = documents.format_of(path)
        _check_translated(path, form)
        size = files.size(path)
        if form == "parquet":
            file = InputFile(path, "", form, None, "", size, plain=path)
            registry.check_fields(_whole(file), [text_field])
            _check_names(file, mirror_parquet.columns(path), output_field)
        elif size:
            check_head(path, compression)
            if form in DELIMITERS:
                file = _find_header(
                    InputFile(path, "", form, compression, "", size, plain=path), text_field
                )
                if file.header is not None:
                    _check_names(file, delimited.read_header(_whole(file))[0], output_field)
            elif form in documents.FORMATS and compression is None and size <= _LOOKED_AT:
                documents.take_apart(form, files.read_bytes(path), path, "", "")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def open_up(
    file: InputFile, text_field: str, output_field: str, folder: str, unit_bytes: int
) -> InputFile:
    """The file ready to be cut into units: unpacked below `folder` where it must be, its columns
    known.

    Raises:
      InputError: it is damaged, has no text column, or has the columns that would be added already.
    """
    if file.format == "parquet":
        registry.check_fields(_whole(file), [text_field])
        _check_names(file, mirror_parquet.columns(file.path), output_field)
        plain = mirror_parquet.regroup(file.path, files.join(folder, file.sha256), unit_bytes)
        return dataclasses.replace(file, plain=plain)
    if file.bytes == 0:
        return file
    if file.compression is not None:
        ending = posixpath.splitext(posixpath.splitext(file.path)[0])[1].lower()
        plain = files.join(folder, f"{file.sha256}{ending}")
        if not files.exists(plain):
            files.write_atomic(plain, read_compressed(file.path, file.compression))
        file = dataclasses.replace(file, plain=plain)
    if file.format == "jsonl":
        _check_keys(file, output_field)
    elif file.format in DELIMITERS and files.size(file.plain):
        file = _find_header(file, text_field)
        if file.header is not None:
            names, _ = delimited.read_header(_whole(file))
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


def _whole(file: InputFile) -> Unit:
    packed = file.compression if file.plain == file.path else None
    return Unit(0, "whole", file.plain, file.format, packed, 0, file.bytes, file.bytes, "translate")


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
                f"{file.path}: has the column {name!r} already; "
                "name another one with --output-field"
            )


def _find_header(file: InputFile, text_field: str) -> InputFile:
    """The file with its header. CSV has one; TSV has one when its first row names the text column.

    A TSV file without a header has its text in the first column, or in the column whose number,
    counted from 1, is the text field.
    """
    names, raw = delimited.read_header(_whole(file))
    if text_field in names:
        return dataclasses.replace(file, header=raw, columns=len(names))
    by_number = text_field.isascii() and text_field.isdigit() and 1 <= int(text_field) <= len(names)
    if file.format == "tsv" and (by_number or text_field == _DEFAULT_FIELD):
        return file
    if problem := delimited.problem_of_header(_whole(file), raw, DELIMITERS[file.format]):
        raise InputError(problem)
    shown = ", ".join(repr(name[:40]) for name in names[:10]) + (", ..." if names[10:] else "")
    raise InputError(
        f"{file.path}: has no column {text_field!r}; it has {shown}; name one with --text-field"
    )
