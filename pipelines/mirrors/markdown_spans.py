"""Where in the text of a Markdown block its emphasis, links, code and so on stand.

The parser says what inline elements there are and not where. Each of its rules is called here with
the position before and after it noted, which together cover the whole text: what no rule has taken
is text.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

from markdown_it import MarkdownIt, rules_inline
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from ..formats.markdown import DEEPEST

Kind = Literal["text", "special", "code", "html", "image", "soft", "hard", "open", "close"]

_RULES: dict[str, Callable[[StateInline, bool], bool]] = {
    "text": rules_inline.text,
    "newline": rules_inline.newline,
    "escape": rules_inline.escape,
    "backticks": rules_inline.backtick,
    "strikethrough": rules_inline.strikethrough.tokenize,
    "emphasis": rules_inline.emphasis.tokenize,
    "link": rules_inline.link,
    "image": rules_inline.image,
    "autolink": rules_inline.autolink,
    "html_inline": rules_inline.html_inline,
    "entity": rules_inline.entity,
}
_KINDS: dict[str, Kind] = {
    "code_inline": "code",
    "html_inline": "html",
    "image": "image",
    "softbreak": "soft",
    "hardbreak": "hard",
    "text_special": "special",
}


@dataclasses.dataclass
class Span:
    """A part [start, stop) of a block's text.

    Attributes:
      kind: "special" is an escaped character or an entity. shown: what a special one reads. name:
        of a pair.
      label: of an image, where its alternative text ends.
    """

    kind: Kind
    start: int
    stop: int
    shown: str = ""
    name: str = ""
    label: int = 0


@dataclasses.dataclass
class _Step:
    """What one call of a rule has taken; of a link, where its text ends."""

    rule: str
    start: int
    stop: int
    tokens: list[Token]
    label: int


class _Notes:
    """The steps of the parse that is under way; those within an image's text do not count."""

    def __init__(self) -> None:
        self.state: StateInline | None = None
        self.steps: list[_Step] = []
        self.types: dict[int, tuple[str, str]] = {}


@functools.cache
def _parser() -> tuple[MarkdownIt, _Notes]:
    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    notes = _Notes()
    for name, rule in _RULES.items():
        parser.inline.ruler.at(name, _noted(notes, name, rule))

    def note_types(state: StateInline) -> None:
        # Now it is decided which marks are emphasis; the next rule joins texts.
        if state is notes.state:
            notes.types = {id(token): (token.type, token.content) for token in state.tokens}

    parser.inline.ruler2.before("fragments_join", "note_types", note_types)
    return parser, notes


def _noted(
    notes: _Notes, name: str, rule: Callable[[StateInline, bool], bool]
) -> Callable[[StateInline, bool], bool]:
    def noted(state: StateInline, silent: bool) -> bool:
        if notes.state is None:
            notes.state = state
        start, count = state.pos, len(state.tokens)
        found = rule(state, silent)
        if found and not silent and state is notes.state:
            label = 0
            if name in ("link", "image"):
                at = start + (name == "image")
                label = state.md.helpers.parseLinkLabel(state, at, name == "link")
            notes.steps.append(_Step(name, start, state.pos, state.tokens[count:], label))
        return found

    return noted


def spans(content: str, references: dict[str, Any]) -> list[Span]:
    """The spans of a block's text, in order; joined they are the text.

    Args:
      references: what the parser keeps of a document (its `env`): targets of links.
    """
    parser, notes = _parser()
    notes.state, notes.steps, notes.types = None, [], {}
    parser.inline.parse(content, parser, references, [])
    steps = sorted(notes.steps, key=lambda step: (step.start, -step.stop))
    found: list[Span] = []
    position = 0
    closing: list[tuple[int, int]] = []
    for step in steps:
        while closing and closing[-1][0] <= step.start:
            position = _close(found, position, *closing.pop())
        _text(found, position, step.start)
        position = step.stop
        if step.rule == "link":
            found.append(Span("open", step.start, step.start + 1, name="a"))
            closing.append((step.label, step.stop))
            position = step.start + 1
        elif step.rule in ("emphasis", "strikethrough"):
            for mark in _marks(step, notes.types):
                if mark.kind == "text":
                    _text(found, mark.start, mark.stop)
                else:
                    found.append(mark)
        else:
            _element(found, step, content)
    while closing:
        position = _close(found, position, *closing.pop())
    _text(found, position, len(content))
    return found


def _close(found: list[Span], position: int, label: int, stop: int) -> int:
    _text(found, position, label)
    found.append(Span("close", label, stop, name="a"))
    return stop


def _text(found: list[Span], start: int, stop: int) -> None:
    if start < stop:
        if found and found[-1].kind == "text":
            found[-1].stop = stop
        else:
            found.append(Span("text", start, stop))


def _element(found: list[Span], step: _Step, content: str) -> None:
    token = step.tokens[-1] if step.tokens else None
    if step.rule == "autolink":
        found.append(Span("code", step.start, step.stop))
        return
    kind = _KINDS.get(token.type) if token is not None and step.rule != "text" else None
    if token is None or kind is None:
        _text(found, step.start, step.stop)
        return
    span = Span(kind, step.start, step.stop, token.content, label=step.label)
    if kind in ("soft", "hard") and found and found[-1].kind == "text":
        # Spaces before a line end belong to it.
        text = found[-1]
        text.stop = text.start + len(content[text.start : text.stop].rstrip(" "))
        span.start = text.stop
        if text.start == text.stop:
            found.pop()
    found.append(span)


def _marks(step: _Step, types: dict[int, tuple[str, str]]) -> list[Span]:
    """The marks of emphasis, one for each token; two of them are one mark of strong emphasis."""
    width = step.stop - step.start
    sizes = [1] * width if step.rule == "emphasis" else [1] * (width % 2) + [2] * (width // 2)
    found: list[Span] = []
    half: int | None = None
    start = step.start
    # Text before the marks may have become a token in the same step.
    for size, token in zip(sizes, step.tokens[-len(sizes) :], strict=True):
        stop = start + size
        kind, content = types.get(id(token), ("text", "*"))
        name, _, side = kind.partition("_")
        if side == "open":
            found.append(Span("open", start if half is None else half, stop, name=name))
            half = None
        elif side == "close":
            found.append(Span("close", start, stop, name=name))
        elif content:
            found.append(Span("text", start, stop))
        elif found and found[-1].kind == "close" and found[-1].name == "strong":
            found[-1].stop = stop
        else:
            half = start
        start = stop
    return found
