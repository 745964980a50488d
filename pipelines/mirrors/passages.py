r"""A passage: a run of text with formatting inside, such as a paragraph, and how it is shown.

A format cuts a passage into pieces; every byte of the passage is in one of them. Here the pieces
become sentences: text is shown to the model with its formatting as numbered tags
(`numbered_tags`), each run of white space as one space, and each entity as its character. What is
around sentences stays as it is. Put back are the tags, the entities, and the line ends inside of
a sentence, at about the places that they had:

>>> from pipelines.mirrors.document_parts import plain
>>> pieces = [*plain("Press\n"), Piece("open", "<b>", name="b"), *plain("Enter")]
>>> pieces += [Piece("close", "</b>", name="b"), *plain(" now. Ok? ")]
>>> passage = take_apart(pieces, "en")
>>> passage.segments
('Press <1>Enter</1> now.', 'Ok?')
>>> "".join(passage.put_together(["Jetzt <1>Enter</1> drücken.", "Gut?"]))
'Jetzt\n<b>Enter</b> drücken. Gut? '
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ..texts import segmentation
from . import numbered_tags
from .document_parts import Encode, Part, Piece, as_it_is, text_piece

# Tags of a sentence that a model is shown; one with more is cut at each.
_MOST_TAGS = 200
# Pairs in each other that are looked into.
_DEEPEST = 200


@dataclasses.dataclass(frozen=True)
class Passage:
    """A passage in sentences.

    Attributes:
      source: what it reads. segments: its sentences, as a model is shown them.
      gaps: what is around the sentences; one more than segments.
    """

    source: str
    segments: tuple[str, ...]
    gaps: tuple[tuple[Part, ...], ...]
    _sentences: tuple[_Sentence, ...]
    _encode: Encode

    def put_together(self, translations: Sequence[str]) -> list[Part] | None:
        """The parts of the translated passage; None where a translation has not the tags of its
        sentence."""
        parts = list(self.gaps[0])
        for sentence, translation, gap in zip(
            self._sentences, translations, self.gaps[1:], strict=True
        ):
            restored = sentence.restored(translation, self._encode)
            if restored is None:
                return None
            parts += restored
            parts += gap
        return parts


@dataclasses.dataclass(frozen=True)
class _Sentence:
    shown: str
    tags: dict[str, tuple[Part, ...]]
    pieces: tuple[Piece, ...]

    def restored(self, translation: str, encode: Encode) -> list[Part] | None:
        if translation == self.shown:
            return [part for piece in self.pieces for part in piece.parts]
        if self.tags:
            if numbered_tags.structure(self.shown) != numbered_tags.structure(translation):
                return None
        texts = [piece for piece in self.pieces if piece.kind == "text" and piece.shown != " "]
        bare = {one for piece in texts if piece.raw == piece.shown for one in piece.shown}
        spelled = {
            piece.shown: piece.raw
            for piece in texts
            if isinstance(piece.raw, str) and piece.raw != piece.shown and piece.shown not in bare
        }
        breaks = self._breaks(translation)
        parts: list[Part] = []
        start = 0
        for text in numbered_tags.parted(translation) if self.tags else [translation]:
            if text in self.tags:
                parts += self.tags[text]
            else:
                parts += _with_breaks(text, start, breaks, spelled, encode)
            start += len(text)
        return parts

    def _breaks(self, translation: str) -> dict[int, str]:
        """Positions of spaces of the translation, and the white space that goes there."""
        wanted = []
        position = 0
        numbers = iter(numbered_tags.TAG.finditer(self.shown)) if self.tags else iter(())
        for piece in self.pieces:
            if piece.kind != "text":
                position += len(next(numbers)[0])
                continue
            if piece.shown == " " != piece.raw and isinstance(piece.raw, str):
                wanted.append((position / len(self.shown), piece.raw))
            position += len(piece.shown)
        spaces = [at for at, character in enumerate(translation) if character == " "]
        found: dict[int, str] = {}
        first = 0
        for share, raw in wanted:
            at = _nearest(spaces, share * len(translation), first)
            if at is None:
                break
            found[spaces[at]] = raw
            first = at + 1
        return found


def _nearest(spaces: list[int], position: float, first: int) -> int | None:
    """Which space, of those from `first`, is nearest."""
    after = max(bisect_left(spaces, position), first)
    choices = [at for at in (after - 1, after) if first <= at < len(spaces)]
    return min(choices, key=lambda at: abs(spaces[at] - position), default=None)


def _with_breaks(
    text: str, start: int, breaks: dict[int, str], spelled: dict[str, str], encode: Encode
) -> Iterator[str]:
    position = 0
    if breaks:
        for at, character in enumerate(text):
            if character == " " and start + at in breaks:
                yield encode(text[position:at], spelled)
                yield breaks[start + at]
                position = at + 1
    yield encode(text[position:], spelled)


def take_apart(pieces: Sequence[Piece], language: str, encode: Encode = as_it_is) -> Passage | None:
    """A passage as sentences; None where there is nothing to translate in it.

    Args:
      language: of the text; tells where sentences end.
      encode: text, and the characters that the sentence spells in its own way -> how it is stored.
    """
    pieces = _simplified(pieces)
    reads = "".join(piece.reads for piece in pieces)
    layout = segmentation.split_text(reads, language)
    if not layout.segments:
        return None
    edges = []
    position = 0
    for gap, segment in zip(layout.gaps, layout.segments, strict=False):
        position += len(gap)
        edges.append((position, position + len(segment)))
        position += len(segment)
    pieces = _cut(list(_trimmed(pieces)), sorted({edge for pair in edges for edge in pair}))
    ranges = _ranges(pieces, edges)
    sentences: list[_Sentence] = []
    gaps: list[tuple[Part, ...]] = []
    done = 0
    for first, last in ranges:
        sentence = _shown(pieces[first:last])
        gaps.append(tuple(part for piece in pieces[done:first] for part in piece.parts))
        sentences.append(sentence)
        done = last
    gaps.append(tuple(part for piece in pieces[done:] for part in piece.parts))
    if not sentences:
        return None
    segments = tuple(sentence.shown for sentence in sentences)
    return Passage(reads, segments, tuple(gaps), tuple(sentences), encode)


def _simplified(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces where a pair around nothing that could be translated is one object or mark."""
    found: list[Piece] = []
    open_ones: list[int] = []
    for piece in pieces:
        if piece.kind == "open":
            open_ones.append(len(found))
        elif piece.kind == "close" and open_ones and found[open_ones[-1]].name == piece.name:
            start = open_ones.pop()
            inside = range(start + 1, len(found))
            if len(open_ones) < _DEEPEST and all(_is_wordless(found[at]) for at in inside):
                raw = tuple(part for one in (*found[start:], piece) for part in one.parts)
                kind = "object" if any(found[at].kind == "object" for at in inside) else "mark"
                found[start:] = [Piece(kind, raw)]
                continue
        elif piece.kind == "close":
            open_ones.clear()
        found.append(piece)
    return found


def _is_wordless(piece: Piece) -> bool:
    if piece.kind == "text":
        return not any(character.isalnum() or character.isspace() for character in piece.shown)
    return piece.kind in ("object", "mark")


def _trimmed(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces, where white space at the ends of text is a piece of its own."""
    for piece in pieces:
        core = piece.shown.strip()
        if piece.kind != "text" or piece.raw != piece.shown or not core:
            yield piece
            continue
        start = piece.shown.index(core)
        for part in (piece.shown[:start], core, piece.shown[start + len(core) :]):
            if part:
                yield text_piece(part)


def _cut(pieces: Sequence[Piece], edges: Sequence[int]) -> list[Piece]:
    """The pieces, cut where a sentence begins or ends inside of text."""
    found = []
    position = 0
    waiting = iter(edges)
    edge = next(waiting, None)
    for piece in pieces:
        stop = position + len(piece.reads)
        start = position
        while edge is not None and edge <= start:
            edge = next(waiting, None)
        while edge is not None and edge < stop and piece.kind == "text":
            if piece.raw != piece.shown:
                break
            found.append(text_piece(piece.shown[start - position : edge - position]))
            start = edge
            edge = next(waiting, None)
        found.append(piece if start == position else text_piece(piece.shown[start - position :]))
        position = stop
    return found


def _partners(pieces: Sequence[Piece]) -> dict[int, int]:
    """The places of the two ends of each pair that is well nested, both ways."""
    found: dict[int, int] = {}
    open_ones: list[int] = []
    waiting: dict[str, int] = {}
    for place, piece in enumerate(pieces):
        if piece.kind == "open":
            open_ones.append(place)
            waiting[piece.name] = waiting.get(piece.name, 0) + 1
        elif piece.kind == "close" and waiting.get(piece.name):
            while True:
                start = open_ones.pop()
                waiting[pieces[start].name] -= 1
                if pieces[start].name == piece.name:
                    break
            found[start], found[place] = place, start
    return found


def _ranges(pieces: list[Piece], edges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Which pieces each sentence is made of. A sentence is cut where a pair begins or ends that is
    not inside of it as a whole."""
    partners = _partners(pieces)
    starts = []
    position = 0
    for piece in pieces:
        starts.append(position)
        position += len(piece.reads)
    place = 0
    for start, stop in edges:
        while place < len(pieces) and (starts[place] < start or not pieces[place].reads):
            place += 1
        first = place
        while place < len(pieces) and (starts[place] < stop or not pieces[place].reads):
            place += 1
        yield from _whole_pairs(pieces, partners, first, place)


def _whole_pairs(
    pieces: list[Piece], partners: dict[int, int], first: int, stop: int
) -> Iterator[tuple[int, int]]:
    """The ranges within [first, stop) that hold pairs as wholes and are not one pair all around."""
    # Text that looks like our tags would be taken for them.
    reads = "".join(piece.shown for piece in pieces[first:stop])
    tags = sum(piece.kind != "text" for piece in pieces[first:stop])
    literal = numbered_tags.LOOSE.search(reads) is not None or tags > _MOST_TAGS
    first, stop = _core(pieces, partners, first, stop)
    begin = first
    for place in range(first, stop):
        kind = pieces[place].kind
        if kind == "text" or (
            not literal and kind != "break" and first <= partners.get(place, place) < stop
        ):
            continue
        if begin < place:
            yield from _with_letters(pieces, partners, begin, place)
        begin = place + 1
    if begin < stop:
        yield from _with_letters(pieces, partners, begin, stop)


def _with_letters(
    pieces: list[Piece], partners: dict[int, int], first: int, stop: int
) -> Iterator[tuple[int, int]]:
    first, stop = _core(pieces, partners, first, stop)
    if any(segmentation.has_letter(piece.shown) for piece in pieces[first:stop]):
        yield first, stop


def _core(pieces: list[Piece], partners: dict[int, int], first: int, stop: int) -> tuple[int, int]:
    """[first, stop) from the first to the last piece that reads something, and the ends of pairs
    beside these whose other end lies between them; without white space at its ends."""
    while first < stop and not pieces[first].reads.strip():
        first += 1
    while first < stop and not pieces[stop - 1].reads.strip():
        stop -= 1
    begin, end = first, stop
    place = first - 1
    while place >= 0 and not pieces[place].reads:
        if pieces[place].kind == "open" and first <= partners.get(place, -1) < stop:
            begin = place
        place -= 1
    place = stop
    while place < len(pieces) and not pieces[place].reads:
        if pieces[place].kind == "close" and begin <= partners.get(place, -1) < stop:
            end = place + 1
        place += 1
    return begin, end


def _shown(pieces: Sequence[Piece]) -> _Sentence:
    partners = _partners(pieces)
    number = 0
    numbers: dict[int, int] = {}
    shown: list[str] = []
    tags: dict[str, tuple[Part, ...]] = {}
    for place, piece in enumerate(pieces):
        if piece.kind == "text":
            shown.append(piece.shown)
            continue
        if place in partners and partners[place] < place:
            tag = f"</{numbers[partners[place]]}>"
        else:
            number += 1
            numbers[place] = number
            tag = f"<{number}>" if place in partners else f"<{number}/>"
        tags[tag] = piece.parts
        shown.append(tag)
    return _Sentence("".join(shown), tags, tuple(pieces))
