"""Subtitles, SubRip and WebVTT: numbers, times, settings, notes, styles and tags stay.

A cue is a text. Its lines are joined for the model and wrapped again to as many lines as before,
of `WIDEST` characters at most where that is possible; a line that begins with a dash, as in a
dialogue, or with a note, stays a line of its own.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable, Iterator, Sequence

from electra_model.errors import InputError

from .document_parts import Encode, Part, Piece, as_it_is, plain, xml_escaped
from .passages import Passage
from .skeleton import Builder, TextsInPlace, decoded, without_mark

# Characters of a line, as subtitles mostly have them.
WIDEST = 42

_SRT_TIME = re.compile(
    r"\s*\d{1,3}:\d{1,2}:\d{1,2}[,.]\d{1,3}\s*-->\s*\d{1,3}:\d{1,2}:\d{1,2}[,.]\d{1,3}(?:\s.*)?"
)
_VTT_TIME = re.compile(
    r"\s*(?:\d{2,}:)?\d{2}:\d{2}\.\d{3}\s+-->\s+(?:\d{2,}:)?\d{2}:\d{2}\.\d{3}(?:\s.*)?"
)
_LIKE_TIMES = re.compile(r"\s*[\d:.,]+\s*-->")
_NO_CUE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)(?!.*-->)")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_SRT_TAG = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}")
_VTT_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[0-9:.]+>")
_TAG_NAME = re.compile(r"</?([A-Za-z]+)")
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]*|#[0-9]+|#[xX][0-9A-Fa-f]+);")
_OWN_LINE = re.compile(r"\s*(?:[-–—♪♫]|>>)")


def take_apart_srt(data: bytes, path: str, source: str, target: str) -> TextsInPlace:
    """SubRip. Raises `InputError` for what has no cues, or a line between cues that is none."""
    del target
    mark, text = without_mark(decoded(data, path))
    builder = Builder(source)
    builder.keep(mark)
    lines = _LINE.findall(text)
    begins = [place for place, line in enumerate(lines) if _LIKE_TIMES.match(line)]
    for place in begins:
        if not _SRT_TIME.fullmatch(_body(lines[place])):
            raise InputError(
                f"{path}: line {place + 1}: holds --> and no two times such as "
                "00:00:01,000 --> 00:00:02,500; mend it"
            )
    if not begins and text.strip():
        raise InputError(f"{path}: line 1: has no cues of subtitles; name the right file")
    # The number of a cue is on the line before its times.
    first = [
        place - 1 if place and _body(lines[place - 1]).strip().isdigit() else place
        for place in begins
    ]
    for number, line in enumerate(lines[: first[0] if first else None], start=1):
        if line.strip():
            raise InputError(f"{path}: line {number}: stands before the first cue; remove it")
        builder.keep(line)
    for begin, start, stop in zip(first, begins, [*first[1:], len(lines)], strict=False):
        builder.keep(*lines[begin : start + 1])
        _add_texts(builder, lines, start + 1, stop, _SRT_TAG, None)
    return builder.finish()


def take_apart_vtt(data: bytes, path: str, source: str, target: str) -> TextsInPlace:
    """WebVTT. Raises `InputError` for what does not begin with WEBVTT, and times that are none."""
    del target
    mark, text = without_mark(decoded(data, path))
    builder = Builder(source)
    builder.keep(mark)
    lines = _LINE.findall(text)
    if text and not re.match(r"WEBVTT(?:[ \t]|$)", _body(lines[0])):
        raise InputError(f"{path}: line 1: does not begin with WEBVTT; name the right file")
    builder.keep(*lines[:1])
    place = 1
    while place < len(lines):
        stop = place
        while stop < len(lines) and _body(lines[stop]):
            stop += 1
        times = [at for at in range(place, stop) if "-->" in lines[at]]
        if _NO_CUE.match(lines[place]) or not times:
            times = []
        for at in times:
            if not _VTT_TIME.fullmatch(_body(lines[at])):
                raise InputError(
                    f"{path}: line {at + 1}: holds --> and no two times such as "
                    "00:01.000 --> 00:02.500; mend it"
                )
        builder.keep(*lines[place : times[0] + 1 if times else stop])
        for at, end in zip(times, [*times[1:], stop], strict=False):
            if at != times[0]:
                builder.keep(lines[at])
            _add_texts(builder, lines, at + 1, end, _VTT_TAG, xml_escaped)
        builder.keep(*lines[stop : stop + 1])
        place = stop + 1
    return builder.finish()


def _add_texts(
    builder: Builder,
    lines: list[str],
    start: int,
    stop: int,
    tag: re.Pattern[str],
    encode: Encode | None,
) -> None:
    """The lines of a cue: each run of lines that are not blank is a text."""
    while start < stop:
        end = start
        while end < stop and lines[end].strip():
            end += 1
        if end > start:
            _add_cue(builder, lines[start:end], start + 1, tag, encode)
        if end < stop:
            builder.keep(lines[end])
        start = end + 1


def _add_cue(
    builder: Builder,
    lines: list[str],
    line: int,
    tag: re.Pattern[str],
    encode: Encode | None,
) -> None:
    # The mark between runs of lines is none of the text's own.
    bodies = [_body(line).replace("\v", " ") for line in lines]
    ends = [line[len(body) :] for line, body in zip(lines, bodies, strict=True)]
    pieces: list[Piece] = []
    groups = [0]
    for number, body in enumerate(bodies):
        if number:
            own = _OWN_LINE.match(body) or _OWN_LINE.match(bodies[number - 1])
            groups = [*groups, 0] if own else groups
            pieces.append(Piece("break", "\v") if own else Piece("text", "\n", " "))
        groups[-1] += 1
        pieces += _pieces(body, tag, encode is not None)
    passage = builder.read(pieces, encode or as_it_is)
    if passage is None:
        builder.keep(*lines)
        return
    stored = "".join(lines).removesuffix(ends[-1])
    cue = _Cue(passage, stored, tuple(groups), ends[0] or "\n", tag)
    builder.keep(builder.text(cue, line), ends[-1])


def _pieces(body: str, tag: re.Pattern[str], entities: bool) -> Iterator[Piece]:
    position = 0
    for found in tag.finditer(body):
        yield from _text_pieces(body[position : found.start()], entities)
        name = _TAG_NAME.match(found[0])
        if name is None:
            yield Piece("mark", found[0])
        else:
            kind = "close" if found[0].startswith("</") else "open"
            yield Piece(kind, found[0], name=name[1].lower())
        position = found.end()
    yield from _text_pieces(body[position:], entities)


def _text_pieces(text: str, entities: bool) -> Iterator[Piece]:
    position = 0
    for found in _ENTITY.finditer(text) if entities else ():
        shown = html.unescape(found[0])
        if shown != found[0]:
            yield from plain(text[position : found.start()])
            yield Piece("text", found[0], shown)
            position = found.end()
    yield from plain(text[position:])


def _body(line: str) -> str:
    return line.rstrip("\r\n")


@dataclasses.dataclass(frozen=True)
class _Cue:
    """The text of a cue.

    Attributes:
      stored: as it is in the file. groups: of how many lines each run is that is wrapped by itself.
    """

    passage: Passage
    stored: str
    groups: tuple[int, ...]
    line_end: str
    tag: re.Pattern[str]

    @property
    def source(self) -> str:
        return self.passage.source

    @property
    def segments(self) -> tuple[str, ...]:
        return self.passage.segments

    def put_together(self, translations: Sequence[str]) -> list[Part] | None:
        if tuple(translations) == self.segments:
            return [self.stored]
        parts = self.passage.put_together(translations)
        if parts is None:
            return None
        text = "".join(map(str, parts))
        widest = max(map(self._width, re.split("[\r\n]+", self.stored)))
        widest = max(widest, WIDEST)
        lines = re.split("[\n\v]", text)
        if max(map(self._width, lines)) > widest:
            runs = text.replace("\n", " ").split("\v")
            if len(self.groups) == 1 == self.groups[0]:
                lines = wrap(text, 2, self._width)
            else:
                lines = [
                    line
                    for run, count in zip(runs, self.groups, strict=True)
                    for line in wrap(run, count, self._width)
                ]
        if any(map(_LIKE_TIMES.match, lines)):
            return None  # it would be read as the times of another cue
        return [self.line_end.join(lines)]

    def _width(self, text: str) -> int:
        return len(html.unescape(self.tag.sub("", text)))


def wrap(text: str, count: int, width: Callable[[str], int] = len) -> list[str]:
    """A text in `count` lines at most, the widest as narrow as can be.

    >>> wrap("one two three four", 2)
    ['one two', 'three four']
    """
    words = _words(text)
    if count < 2 or len(words) < 2:
        return [text.strip()]
    count = min(count, len(words))
    widths = [width(word) for word in words]
    low, high = max(widths), sum(widths) + len(words)
    while low < high:
        middle = (low + high) // 2
        if len(_filled(widths, middle)) <= count:
            high = middle
        else:
            low = middle + 1
    ends = _filled(widths, low)
    starts = [0, *ends[:-1]]
    return [" ".join(words[start:end]) for start, end in zip(starts, ends, strict=True)]


def _filled(widths: list[int], most: int) -> list[int]:
    """Where lines end that are filled up to `most` characters."""
    ends = []
    held = -1
    for place, width in enumerate(widths):
        if held >= 0 and held + 1 + width > most:
            ends.append(place)
            held = -1
        held += 1 + width
    return [*ends, len(widths)]


def _words(text: str) -> list[str]:
    """What stands between spaces, but for those inside of tags."""
    words: list[str] = []
    for word in text.split():
        if words and words[-1].rfind("<") > words[-1].rfind(">"):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words
