"""What is wrong with a job file, all said in one line: unknown keys, wrong values, wrong places.

All functions take the dataclass of the whole job, so that a nearest name can be looked for in every
section.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pydantic

from electra_model.errors import InputError

from . import job_yaml


@dataclasses.dataclass(frozen=True)
class Origins:
    """Where keys come from: `file`, or what `given` says of the key or of its section."""

    file: str
    given: dict[str, str]

    def of(self, key: str) -> str:
        """The words that a message about `key` begins with."""
        for known, source in self.given.items():
            if key == known or key.startswith((known + ".", known + "[")):
                return source
        return self.file


@functools.cache
def fields_of(section: type) -> dict[str, Any]:
    """Name -> annotated type of a dataclass's fields."""
    hints = typing.get_type_hints(section, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(section)}


@functools.cache
def all_keys(section: type) -> tuple[str, ...]:
    """Every key of a job file as `section.key`, the sections themselves included."""
    keys = []
    for name, hint in fields_of(section).items():
        keys.append(name)
        if _is_section(hint):
            keys += [f"{name}.{key}" for key in all_keys(hint)]
    return tuple(keys)


def _is_section(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _is_mapping(hint: Any) -> bool:
    return typing.get_origin(hint) is dict


# Problems that one line lists.
_MOST_NAMED = 8


# --- the names of keys ---------------------------------------------------------------------------


def check_keys(values: dict[str, Any], where: str, job: type) -> None:
    """Raises `InputError` for the keys that no section has, and for sections that are none."""
    _raise_all([*_problems_of_section(values, where, job, "", job)], where)


def _problems_of_section(
    values: dict[str, Any], where: str, section: type, prefix: str, job: type
) -> Iterator[str]:
    fields = fields_of(section)
    for name, value in values.items():
        if name not in fields:
            yield str(_unknown(prefix + name, where, job))
        else:
            yield from _problems_of_shape(value, where, prefix + name, fields[name], job)


def _problems_of_shape(value: Any, where: str, key: str, hint: Any, job: type) -> Iterator[str]:
    if not _is_section(hint):
        return
    value = _spelled_out(value, hint)
    if value is not None and not isinstance(value, dict):
        found = job_yaml.describe(value)
        yield f"{where}: {key}: is a section with keys of its own; found {found}" + _such_as(
            value, where, key, hint
        )
        return
    yield from _problems_of_section(value or {}, where, hint, f"{key}.", job)


def _spelled_out(value: Any, section: type) -> Any:
    """The keys of a section; `on` or `off` in its place is the value of its `switch`."""
    switch = getattr(section, "switch", None)
    return {switch: value} if switch and isinstance(value, bool) else value


def _such_as(value: Any, where: str, key: str, section: type) -> str:
    """The key of a section that takes the value which was given to the section."""
    for name, hint in fields_of(section).items():
        parts = [part for kind in (hint, *typing.get_args(hint)) for part in typing.get_args(kind)]
        if isinstance(value, str) and value in parts:
            if where.startswith("--set "):
                return f"; such as {key}.{name}={value}"
            return f"; such as {key.rpartition('.')[2]}: {{{name}: {value}}}"
    return ""


def _raise_all(problems: Sequence[str], where: str) -> None:
    if problems:
        raise InputError(_in_one_line(problems, where))


def _in_one_line(problems: Sequence[str], where: str) -> str:
    """All of them, or the first eight; a place that the first begins with is said once."""
    named = [*problems[:_MOST_NAMED]]
    if named[0].startswith(f"{where}: "):
        named[1:] = [text.removeprefix(f"{where}: ") for text in named[1:]]
    more = len(problems) - _MOST_NAMED
    return "; also ".join(named) + (f" (and {more} more)" if more > 0 else "")


def _unknown(key: str, where: str, job: type) -> InputError:
    section, _, name = key.rpartition(".")
    known = all_keys(job)
    siblings = [other for other in known if other.rpartition(".")[0] == section]
    near = difflib.get_close_matches(name, [s.rpartition(".")[2] for s in siblings], n=1)
    if near:
        meant = f"{section}.{near[0]}" if section else near[0]
        return InputError(f"{where}: {key}: unknown key; did you mean {meant}?")
    # A slip in the name of the section, or a right or nearly right name in the wrong section.
    elsewhere = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    leaves = {other.rpartition(".")[2] for other in known}
    for leaf in () if elsewhere else difflib.get_close_matches(name, leaves, n=1, cutoff=0.75):
        elsewhere = [other for other in known if other.rpartition(".")[2] == leaf]
    if elsewhere:
        return InputError(
            f"{where}: {key}: unknown key; did you mean {' or '.join(elsewhere[:3])}?"
        )
    return InputError(f"{where}: {key}: unknown key; known here are {', '.join(siblings)}")


# Keys of which a section takes one: the one that is set takes the other's place.
_INSTEAD = {"steps": "minutes", "minutes": "steps"}


def override(values: dict[str, Any], text: str, job: type) -> str:
    """Lays one `--set section.key=value` over the values, in place; returns the key."""
    key, equals, value_text = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise InputError(f"--set {text}: write it as section.key=value, such as train.steps=100")
    value = job_yaml.parse(value_text, f"--set {text}")
    names, hint, target = key.split("."), job, values
    for depth, name in enumerate(names):
        so_far = ".".join(names[: depth + 1])
        if _is_section(hint):
            if name not in fields_of(hint):
                raise _unknown(key if depth == 0 else so_far, "--set " + text, job)
            hint = fields_of(hint)[name]
        elif _is_mapping(hint):
            hint = typing.get_args(hint)[1]
        else:
            raise InputError(f"--set {text}: {'.'.join(names[:depth])} has no keys of its own")
        if depth == len(names) - 1:
            where = f"--set {text}"
            _raise_all([*_problems_of_shape(value, where, key, hint, job)], where)
            target[name] = value
            target.pop(_INSTEAD.get(name, ""), None)
        else:
            if not isinstance(target.get(name), dict):
                target[name] = {}
            target = target[name]
    return key


# --- values --------------------------------------------------------------------------------------


def arrange(
    values: dict[str, Any], section: type, origins: Origins, prefix: str = ""
) -> dict[str, Any]:
    """Values as the dataclasses take them.

    An empty section is one with defaults only, and a single text stands for a list of one. A truth
    value where a number belongs, by itself or in a list, is an error (Python would take `true` for
    1).
    """
    arranged = {}
    for name, value in values.items():
        hint, key = fields_of(section)[name], prefix + name
        if _is_section(hint):
            value = arrange(_spelled_out(value, hint) or {}, hint, origins, f"{key}.")
        elif isinstance(value, str) and hint == tuple[str, ...]:
            value = (value,)
        elif isinstance(value, dict) and hint == dict[str, tuple[str, ...]]:
            value = {k: (v,) if isinstance(v, str) else v for k, v in value.items()}
        else:
            _check_truth_values(value, hint, key, origins)
        arranged[name] = value
    return arranged


def _check_truth_values(value: Any, hint: Any, key: str, origins: Origins) -> None:
    if isinstance(value, bool) and not _allows(hint, value):
        found = job_yaml.describe(value)
        wanted = _in_one(_wanted_by(hint))
        raise InputError(f"{origins.of(key)}: {key}: found {found}; {wanted}")
    if isinstance(value, list) and (listed := _tuple_in(hint)) is not None:
        for place, element in enumerate(value):
            # A list that is too long is for pydantic to find.
            if typing.get_args(listed)[-1] is Ellipsis or place < len(typing.get_args(listed)):
                _check_truth_values(element, _element(listed, place), f"{key}[{place}]", origins)


def _allows(hint: Any, value: bool) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _allows(parts[0], value)
    if origin in (typing.Union, types.UnionType):
        return any(_allows(part, value) for part in parts)
    if origin is Literal:
        return any(part is value for part in parts)
    return hint is bool


def _wanted_by(hint: Any) -> list[str]:
    """What values of an annotated type are, each kind in words, as `_wanted` has them."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _wanted_by(parts[0])
    if origin in (typing.Union, types.UnionType):
        return [words for part in parts for words in _wanted_by(part)]
    if origin is Literal:
        names = ["off" if part is False else repr(part) for part in parts]
        last = names.pop()
        return [_ALLOWED + (f"{', '.join(names)} or {last}" if names else last)]
    return [_NEEDED[_ERROR_OF_TYPE[origin or hint]]] if hint is not types.NoneType else []


# The errors that pydantic has for what is not of a type.
_ERROR_OF_TYPE: dict[Any, str] = {
    int: "int_type",
    float: "float_type",
    str: "string_type",
    bool: "bool_type",
    tuple: "tuple_type",
    dict: "dict_type",
}

_NEEDED = {
    "int_parsing": "a whole number is needed",
    "int_type": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "float_parsing": "a number is needed",
    "float_type": "a number is needed",
    "finite_number": "a finite number is needed",
    "string_type": "text is needed",
    "string_too_short": "it must not be empty",
    "string_pattern_mismatch": "a language code such as en or pt-BR is needed",
    "bool_parsing": "true or false (also on, off) is needed",
    "bool_type": "true or false (also on, off) is needed",
    "tuple_type": "a list is needed, such as [a, b]",
    "dict_type": "a section with keys is needed",
}


_ALLOWED, _IS_NEEDED = "allowed is ", " is needed"


def message(
    error: pydantic.ValidationError, config: type, origins: Origins, prefix: str = ""
) -> str:
    """One line for all keys that are wrong.

    `prefix` goes before keys where `config` is a section and not the whole job.
    """
    by_key: dict[str, list[Any]] = {}
    for entry in error.errors(include_url=False):
        key = f"{prefix}{_key_of(entry['loc'], config)}".removesuffix(".")
        by_key.setdefault(key, []).append(entry)
    found = [_of_key(key, entries, config, origins) for key, entries in by_key.items()]
    return _in_one_line(found, origins.file)


def _of_key(key: str, entries: Sequence[Any], config: type, origins: Origins) -> str:
    first = entries[0]
    start = f"{origins.of(key)}: {key}: " if key else f"{origins.file}: "
    if first["type"] == "missing":
        return f"{start}is missing; it has no default"
    if first["type"] == "value_error":
        text = str(first["ctx"]["error"])
        start = f"{origins.of(key)}: " if key and text.startswith(f"{key}.") else start
        return start + text
    wanted = _in_one([_wanted(entry, config) for entry in entries])
    return f"{start}found {job_yaml.describe(first['input'])}; {wanted}"


def _in_one(wanted: Sequence[str]) -> str:
    """What is wanted of a value, where any of several will do.

    >>> _in_one(["a whole number is needed", "allowed is off"])
    'a whole number or off is needed'
    >>> _in_one(["allowed is 'pair' or 'source'", "allowed is off"])
    "allowed is 'pair', 'source' or off"
    """
    distinct = list(dict.fromkeys(wanted))
    allowed = [text.removeprefix(_ALLOWED) for text in distinct if text.startswith(_ALLOWED)]
    others = [text for text in distinct if not text.startswith(_ALLOWED)]
    if not allowed:
        return " or ".join(others)
    *first, last = allowed
    named = " or ".join([*(text.replace(" or ", ", ") for text in first), last])
    if not others:
        return _ALLOWED + named
    text = " or ".join(others)
    needed = text.removesuffix(_IS_NEEDED)
    return f"{text}, or {named}" if needed == text else f"{needed} or {named}{_IS_NEEDED}"


def _wanted(entry: Any, config: type) -> str:
    # Whole numbers that no float can hold are no numbers to pydantic.
    too_large = entry["type"] == "float_type" and isinstance(entry["input"], int)
    if entry["type"] in _OUT_OF_RANGE or too_large:
        if bounds := _bounds_of(entry["loc"], config):
            return f"it should be {bounds}"
    if entry["type"] in _NEEDED:
        return _NEEDED[entry["type"]]
    if entry["type"] == "literal_error":
        return _ALLOWED + entry["ctx"]["expected"].replace("False", "off")
    text = entry["msg"]
    return text.replace("Input should be", "it should be", 1)


# Errors of pydantic, which names at most the one bound that is not kept.
_OUT_OF_RANGE = (
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "int_parsing_size",
)


def _bounds_of(location: tuple[int | str, ...], job: type) -> str:
    """The numbers that are allowed at a location, in words; "" where it has not two bounds."""
    hint: Any = job
    metadata: Sequence[Any] = ()
    for part in location:
        if _is_section(hint) and part in fields_of(hint):
            metadata = hint.__pydantic_fields__[part].metadata
            hint = fields_of(hint)[part]
        elif isinstance(part, int):
            element = _element(hint, part)
            metadata = [m for field in element.__metadata__ for m in field.metadata]
    found = {name: getattr(m, name) for m in metadata for name in _BOUNDS if hasattr(m, name)}
    words = [_BOUNDS[name].format(found[name]) for name in _BOUNDS if name in found]
    if [*found] == ["ge", "le"]:
        return f"from {found['ge']} to {found['le']}"
    return " and ".join(words) if len(words) == 2 else ""


_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


def _tuple_in(hint: Any) -> Any:
    """The type of a tuple, which may be optional; None where there is none."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(filter(None, map(_tuple_in, typing.get_args(hint))), None)
    return hint if typing.get_origin(hint) is tuple else None


def _element(hint: Any, place: int) -> Any:
    """The annotated type of the numbers of a tuple, which may be optional."""
    parts = typing.get_args(_tuple_in(hint))
    return parts[0] if parts[-1] is Ellipsis else parts[place]


def _key_of(location: tuple[int | str, ...], job: type) -> str:
    """The dotted key of pydantic's location, without what it appends for members of a union."""
    key, hint = "", job
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif _is_section(hint) and part in fields_of(hint):
            key, hint = (f"{key}.{part}" if key else part), fields_of(hint)[part]
        elif _is_mapping(hint):
            key, hint = f"{key}.{part}", typing.get_args(hint)[1]
    return key
