"""Job files as text: YAML read strictly, and written so that it reads back the same.

Stricter and plainer than YAML 1.1: a key may not come twice, there are no anchors and no tags that
make objects, `5e-4` is a number, `no` is the language Norwegian and not a truth value (`off` and
`false` are), and dates stay text.
"""

from __future__ import annotations

import os
import re
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from electra_model.errors import InputError

_MAX_BYTES = 1 << 20  # a job file is written by hand; anything larger is some other file

# Tag, pattern, first characters. YAML 1.1 has others: there 1:30 is 90, 010 is 8, `no` is false.
_RESOLVERS = (
    (
        "tag:yaml.org,2002:bool",
        r"^(?:true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$",
        "tTfFoO",
    ),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9][0-9_]*$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|nan)$",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
)


def _resolvers() -> dict[str | None, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, first in _RESOLVERS:
        for character in first:
            table.setdefault("" if character == "\0" else character, []).append(
                (tag, re.compile(pattern))
            )
    return table


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases, without repeated keys and with the resolvers above."""

    yaml_implicit_resolvers = _resolvers()

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise ComposerError(
                None, None, "anchors and aliases are not used in job files", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if (
                not isinstance(key_node, yaml.ScalarNode)
                or key_node.tag == "tag:yaml.org,2002:merge"
            ):
                raise ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
            if key_node.value in seen:
                raise ConstructorError(
                    None, None, f"the key {key_node.value!r} comes twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    try:
        return int(node.value.replace("_", ""))
    except ValueError:  # more digits than Python reads
        raise ConstructorError(
            None, None, f"a number of {len(node.value)} digits", node.start_mark
        ) from None


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(re.sub(r"\.(inf|nan)$", r"\1", node.value.replace("_", "")))


def _construct_key_as_text(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    # Keys are words even where they look like something else: `monolingual: {no: [...]}`.
    loader.construct_mapping(node)
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_key_as_text)


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would not read back as text."""

    yaml_implicit_resolvers = _resolvers()

    def ignore_aliases(self, data):
        return True


def parse(text: str, where: str) -> Any:
    """The value that the text stands for. Raises `InputError` that names `where` and the line."""
    try:
        return yaml.load(text, _Loader)  # a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{where}{line}: not valid YAML: {error.problem or error.context}"
        ) from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{where}: not valid YAML: {reason}") from None
    except RecursionError:
        raise InputError(f"{where}: not valid YAML: nested too deeply") from None


def read(path: str) -> dict[str, Any]:
    """The keys and values of a job file. Raises `InputError` naming the file when it is not one."""
    if not os.path.exists(path):
        raise InputError(
            f"{path}: there is no such job file; `electra init NAME` writes one to start from"
        )
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; name the job file (.yaml) itself")
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise InputError(
            f"{path}: has more than {_MAX_BYTES} bytes; a job file is a short YAML text"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; a job file is a short YAML text") from None
    if "\0" in text:
        raise InputError(f"{path}: is a binary file; a job file is a short YAML text")
    value = parse(text, path)
    if value is None:
        raise InputError(f"{path}: is empty; `electra init NAME` writes a job file to start from")
    if not isinstance(value, dict):
        raise InputError(f"{path}: must consist of `key: value` lines; found {describe(value)}")
    return value


def dump(value: dict[str, Any]) -> str:
    """YAML text in the order of the keys; `parse(dump(value))` is `value`."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def describe(value: Any) -> str:
    """What a value of a job file is called in messages."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false (or off)"
    if isinstance(value, dict):
        return "a section with keys"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def plain(value: Any) -> Any:
    """The same values with lists for tuples, as YAML and JSON write them."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value
