"""Files, local or in an object store, through Beam's file systems: reading, and writing that is all
or nothing.

A local file is written under a temporary name in its own folder, flushed to the disk, and renamed.
An object store shows an object only when it is complete, so there a plain write is atomic already.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import glob as local_glob
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from electra_model.durability import sync_folder as sync_folder
from electra_model.errors import InputError

_TEMPORARY = re.compile(r"\.tmp-\d+-[0-9a-f]{8}$")


def is_remote(path: str) -> bool:
    """True for gs://, s3:// and the like."""
    return "://" in path


def join(folder: str, *names: str) -> str:
    """A path below `folder`, with `/` for object stores too."""
    return "/".join([folder.rstrip("/"), *names])


# Of each kind of store, the extra that reaches it.
_EXTRAS = {"gs": "gcp", "s3": "s3"}


def _filesystems(path: str):
    """Raises `InputError` for a store that nothing is installed for."""
    from apache_beam.io.filesystems import FileSystems

    if FileSystems._pipeline_options is None:  # some stores ask for them, even for empty ones
        use_options({})
    try:
        FileSystems.get_filesystem(path)
    except ValueError:
        scheme = path.partition("://")[0]
        extra = _EXTRAS.get(scheme)
        remedy = "object stores are gs:// and s3://"
        if extra:
            remedy = f"{scheme}:// is reached with pip install 'electra-pipelines[{extra}]'"
        raise InputError(f"{path}: cannot be reached: {remedy}") from None
    return FileSystems


def use_options(options: dict[str, Any]) -> None:
    """Has object stores reached with these options of Beam, such as `s3_endpoint_url`."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    FileSystems.set_options(PipelineOptions(flags=[], **options))


def open_read(path: str) -> BinaryIO:
    """The bytes as they are stored: nothing is decompressed."""
    if not is_remote(path):
        return open(path, "rb")
    from apache_beam.io.filesystem import CompressionTypes

    with _named_if_missing(path):
        return _filesystems(path).open(  # type: ignore[return-value]
            path, compression_type=CompressionTypes.UNCOMPRESSED
        )


@contextlib.contextmanager
def _named_if_missing(path: str) -> Iterator[None]:
    """Raises `FileNotFoundError` for what each object store has an error of its own for."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if getattr(error, "code", None) == 404:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        raise


def read_bytes(path: str) -> bytes:
    """The whole file."""
    # Some stores find out when the first byte is read.
    with _named_if_missing(path), open_read(path) as stream:
        return stream.read()


def read_json(path: str) -> dict[str, Any]:
    """A JSON object; empty when the file is not there or holds something else."""
    try:
        value = json.loads(read_bytes(path))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def exists(path: str) -> bool:
    """True when the file or folder is there."""
    return _filesystems(path).exists(path) if is_remote(path) else os.path.exists(path)


def size(path: str) -> int:
    """Bytes of one file."""
    if not is_remote(path):
        return os.path.getsize(path)
    return _filesystems(path).match([path])[0].metadata_list[0].size_in_bytes


def sizes(folder: str) -> dict[str, int]:
    """Name -> bytes of the files directly in a folder; none where there is no such folder."""
    if is_remote(folder):
        found = _filesystems(folder).match([join(folder, "*")])[0].metadata_list
        return {entry.path.rpartition("/")[2]: entry.size_in_bytes for entry in found}
    listed: dict[str, int] = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # removed by another process
                if entry.is_file():
                    listed[entry.name] = entry.stat().st_size
    return listed


def tree_size(folder: str) -> int:
    """Bytes of all files below a local folder; 0 where there is none."""
    return sum(sum(sizes(place).values()) for place, _, _ in os.walk(folder))


def below(folder: str) -> dict[str, str]:
    """Path -> stamp of all files of an object store whose names begin with the folder's, sorted."""
    found = _filesystems(folder).match([join(folder, "**")])[0].metadata_list
    return {entry.path: _stamp(entry) for entry in sorted(found, key=lambda one: one.path)}


def _stamp(entry) -> str:
    return f"{entry.size_in_bytes}:{entry.last_updated_in_seconds}"


def stamp(path: str) -> str:
    """Size and time of change: two equal stamps of a path mean that the file was not changed."""
    if is_remote(path):
        return _stamp(_filesystems(path).match([path])[0].metadata_list[0])
    status = os.stat(path)
    return f"{status.st_size}:{status.st_mtime_ns}"


def write_atomic(path: str, data: bytes | Iterable[bytes], *, last: bool = True) -> str:
    """Writes `data` so that `path` is either as before or complete. Returns the sha256 of the
    bytes.

    The file's name is durable on return, and with it all names before it in the folder. A part of
    a commit, with `last` False, leaves that to the commit's last file: one flush for all.
    """
    digest = hashlib.sha256()
    chunks = [data] if isinstance(data, bytes) else data
    if is_remote(path):
        from apache_beam.io.filesystem import CompressionTypes

        if path.startswith("s3://") and data == b"":
            _write_empty_to_s3(path)
            return digest.hexdigest()
        with _filesystems(path).create(
            path, compression_type=CompressionTypes.UNCOMPRESSED
        ) as stream:
            for chunk in chunks:
                digest.update(chunk)
                stream.write(chunk)
        return digest.hexdigest()
    folder = os.path.dirname(os.path.abspath(path))
    make_folder(folder)
    temporary = f"{path}.tmp-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with open(temporary, "wb") as stream:
            for chunk in chunks:
                digest.update(chunk)
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    if last:
        sync_folder(folder)
    return digest.hexdigest()


def _write_empty_to_s3(path: str) -> None:
    """Beam uploads to S3 in parts, and of nothing there is no part."""
    from apache_beam.io.aws.s3io import S3IO, parse_s3_path

    bucket, name = parse_s3_path(path)
    store = S3IO(options=_filesystems(path)._pipeline_options)
    store.client.client.put_object(Bucket=bucket, Key=name, Body=b"")


def is_temporary(name: str) -> bool:
    """Whether a file's name is one under which `write_atomic` writes."""
    return _TEMPORARY.search(name) is not None


def remove_temporaries(folder: str) -> None:
    """Removes from a local folder what a kill in the midst of `write_atomic` has left there; nobody
    else may be writing."""
    if is_remote(folder) or not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        if is_temporary(name) and os.path.isfile(path := os.path.join(folder, name)):
            os.unlink(path)


def make_folder(folder: str) -> None:
    """Makes a local folder and those above it; the names of the new ones are durable."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(os.path.abspath(folder))
    if not os.path.exists(parent):
        make_folder(parent)
    os.makedirs(folder, exist_ok=True)
    sync_folder(parent)


def copy(path: str, target: str) -> None:
    """Gives a file a second place; `target` is as before or complete."""
    with open_read(path) as stream:
        first = stream.read(1 << 20)
        rest = iter(functools.partial(stream.read, 1 << 20), b"")
        write_atomic(target, itertools.chain([first], rest) if first else b"")


def sha256(path: str) -> str:
    """Of the stored bytes, read in blocks."""
    digest = hashlib.sha256()
    with open_read(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def remove(path: str) -> None:
    """Removes one file; one that is not there is fine."""
    if is_remote(path):
        from apache_beam.io.filesystem import BeamIOError

        try:
            if exists(path):
                _filesystems(path).delete([path])
        except BeamIOError:
            if exists(path):
                raise
    elif os.path.exists(path):
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            os.unlink(path)


def rename(path: str, target: str) -> None:
    """Gives one file another name; an object store copies it."""
    if is_remote(path):
        _filesystems(path).rename([path], [target])
    else:
        os.replace(path, target)


def remove_tree(folder: str) -> None:
    """Removes a folder and all below it; one that is not there is fine."""
    if is_remote(folder):
        # A store has no folders, only names that begin alike.
        if paths := below(folder):
            _filesystems(folder).delete([*paths])
    else:
        shutil.rmtree(folder, ignore_errors=True)


def expand(patterns: Iterable[str], key: str) -> list[str]:
    """The files that the globs name, sorted within each pattern, without repetition.

    A folder stands for the files directly in it. Names that begin with a dot or an underscore are
    what programs keep for themselves, and are taken only where they are given outright. Raises
    `InputError` naming `key` when a pattern matches nothing, a link to nothing, or a file whose
    name is not UTF-8: receipts and reports could not name it.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        paths = _match(pattern, key)
        if not paths:
            raise InputError(
                f"{key}: no file matches {pattern!r}{_searched(pattern)}; "
                "name an existing file, folder or glob"
            )
        for path in paths:
            _check_name(path, key)
        found.update(dict.fromkeys(paths))
    return list(found)


def _searched(pattern: str) -> str:
    """Where a relative name was looked for: it may have been meant from another folder."""
    relative = not is_remote(pattern) and not os.path.isabs(pattern)
    return f" in the folder {os.getcwd()}" if relative else ""


def _check_name(path: str, key: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise InputError(f"{key}: the name of {shown} is not UTF-8; rename the file") from None


def _match(pattern: str, key: str) -> list[str]:
    if is_remote(pattern):
        return sorted(
            metadata.path for metadata in _filesystems(pattern).match([pattern])[0].metadata_list
        )
    if os.path.isfile(pattern):
        return [pattern]  # named outright, whatever its name begins with
    if os.path.isdir(pattern):
        pattern = os.path.join(local_glob.escape(pattern), "*")
    names = [
        name
        for name in sorted(local_glob.glob(pattern, recursive=True))
        if not os.path.basename(name).startswith((".", "_"))
    ]
    for name in names:
        if not os.path.exists(name):
            raise InputError(
                f"{key}: {name} is a link to {os.readlink(name)}, which is not there; mend the "
                "link, or remove it"
            )
    return [name for name in names if os.path.isfile(name)]
