r"""Text -> lines -> sentences -> text: what the model sees, and how its answers become a text
again.

A text is taken apart into *segments* (sentences, each inside one line) and *gaps* (everything
around them: white space, line ends, and whatever holds no letter, such as `----`, `42` or an
emoji). Gaps are copied, segments are translated, so that a translation has the lines, the
indentation and the blank lines of its source:

>>> layout = split_text("One. Two!\r\n\r\n  Three\n----\n", "en")
>>> layout.segments
('One.', 'Two!', 'Three')
>>> layout.gaps
('', ' ', '\r\n\r\n  ', '\n----\n')

Nothing is ever dropped: `join_text(layout.gaps, layout.segments)` is the text itself.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Callable, Sequence

import sentencex

from . import protected_spans

# Everything that some reader of text takes for the end of a line.
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_LINE = re.compile(f"[^{LINE_BREAKS}]+")
_BREAKS = re.compile(f"[{LINE_BREAKS}\0]+")
_LETTER = re.compile(r"[^\W\d_]")
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")

# sentencex needs time that grows with the square of the number of quotation marks: bounds one call.
_MAX_LINE = 10_000

# What may stay together when a sentence is too long: a word with the white space after it, or the
# characters up to a mark that ends a clause in scripts without white space. Matches cover the
# whole string.
_ATOM = re.compile(r"[^\s，、；：。！？]*[，、；：。！？]*\s*")
_CLAUSE_END = re.compile(r"[,;:.!?)\]，、；：。！？–—]\s*$")


@dataclasses.dataclass(frozen=True)
class Layout:
    """A text taken apart: `gaps[0] + segments[0] + gaps[1] + ... + gaps[-1]`; one more gap than
    segments.
    """

    segments: tuple[str, ...]
    gaps: tuple[str, ...]


def split_text(text: str, language: str) -> Layout:
    """The sentences of a text, none of which spans a line end, and the gaps around them.

    Args:
      language: ISO code; chooses the abbreviations that do not end a sentence. Any other string
      means English.
    """
    segments: list[str] = []
    gaps: list[str] = []
    copied = 0  # what lies before this position is in a segment or a gap already
    for line in _LINE.finditer(text):
        position = line.start()
        for sentence in _sentences(line.group(), language):
            start, stop = _core(sentence)
            if start < stop:
                gaps.append(text[copied : position + start])
                segments.append(sentence[start:stop])
                copied = position + stop
            position += len(sentence)
    gaps.append(text[copied:])
    return Layout(tuple(segments), tuple(gaps))


def join_text(gaps: Sequence[str], translations: Sequence[str]) -> str:
    """The inverse of `split_text`, with a translation in each segment's place."""
    if len(gaps) != len(translations) + 1:
        raise ValueError(f"{len(gaps)} gaps do not fit around {len(translations)} segments")
    pieces = [gaps[0]]
    for translation, gap in zip(translations, gaps[1:], strict=True):
        pieces += (translation, gap)
    return "".join(pieces)


def one_line(translation: str) -> str:
    """A model's answer without line ends and surrounding white space: it must not add lines to
    the text.
    """
    return _BREAKS.sub(" ", translation).strip()


def has_letter(text: str) -> bool:
    """Whether there is anything in a text that a model can be asked about."""
    return _LETTER.search(text) is not None


def _sentences(line: str, language: str) -> list[str]:
    """Consecutive pieces of one line that together are the line."""
    if len(line) <= _MAX_LINE:
        # sentencex 1.0.32 panics on white space of several bytes, such as a no-break space.
        plain = _WIDE_SPACE.sub(" ", line)
        sentences = sentencex.segment(language, plain)  # pyright: ignore[reportAttributeAccessIssue]
        # A split that does not give the line back whole is not believed.
        if "".join(sentences) != plain:
            return [line]
        stops = list(itertools.accumulate(map(len, sentences)))
        if len(stops) > 1:
            # What looks like the end of a sentence inside an address or in code is none.
            spans = protected_spans.places(line)
            stops = [at for at in stops if not any(start < at < stop for start, stop in spans)]
        return [line[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]
    sentences = []
    rest = line
    while len(rest) > _MAX_LINE:
        cut = _long_line_cut(rest)
        sentences += _sentences(rest[:cut], language)
        rest = rest[cut:]
    return sentences + (_sentences(rest, language) if rest else [])


def _long_line_cut(line: str) -> int:
    """Where to part a line that is too long for one call: after a sentence, else a word, else
    anywhere.
    """
    for mark in (". ", "。", " "):
        found = line.rfind(mark, _MAX_LINE // 2, _MAX_LINE - 2)
        if found > 0:
            return found + len(mark)
    return _clean_cut(line, _MAX_LINE - 64)


def _core(sentence: str) -> tuple[int, int]:
    """Where the translatable part of a sentence starts and stops; (0, 0) when it holds no
    letter.
    """
    if not has_letter(sentence):
        return 0, 0
    return len(sentence) - len(sentence.lstrip()), len(sentence.rstrip())


def cut_sentence(
    sentence: str, count_tokens: Callable[[list[str]], Sequence[int]], max_tokens: int
) -> Layout:
    """Cuts a sentence that is longer than the model's bound: at the ends of clauses, else of
    words, else of characters.

    Args:
      count_tokens: texts -> their number of tokens, end mark included.
      max_tokens: the bound that every resulting segment keeps, unless a single character breaks it.

    Returns:
      A layout whose gaps are the white space at the cuts.
    """
    pieces = [sentence]
    counts = list(count_tokens(pieces))
    if counts[0] > max_tokens:
        pieces = _pack(_atoms(sentence, count_tokens, max_tokens), max_tokens)
        # Tokens of a piece are not quite the sum of the tokens of its atoms: halve what is still
        # too long.
        pieces = _halve([piece for piece in pieces if piece], count_tokens, max_tokens)
    segments: list[str] = []
    gaps = [""]
    for piece in pieces:
        core = piece.strip()
        if not core:
            gaps[-1] += piece
            continue
        start = piece.index(core)
        gaps[-1] += piece[:start]
        segments.append(core)
        gaps.append(piece[start + len(core) :])
    return Layout(tuple(segments), tuple(gaps))


def _atoms(
    sentence: str, count_tokens: Callable[[list[str]], Sequence[int]], max_tokens: int
) -> list[tuple[str, int]]:
    """The sentence in pieces that need not be cut, each with its number of tokens without the end
    mark.
    """
    # More than 32 characters a token do not occur; shorter strings keep each call cheap.
    longest = 32 * max_tokens
    pieces = []
    for atom in _ATOM.findall(sentence):
        while len(atom) > longest:
            cut = _clean_cut(atom, longest)
            pieces.append(atom[:cut])
            atom = atom[cut:]
        pieces.append(atom)
    pieces = _halve([piece for piece in pieces if piece], count_tokens, max_tokens)
    return [
        (piece, int(count) - 1) for piece, count in zip(pieces, count_tokens(pieces), strict=True)
    ]


def _pack(atoms: list[tuple[str, int]], max_tokens: int) -> list[str]:
    """Joins atoms into pieces below the bound, each as long as it can be, or up to a clause end
    in its second half.
    """
    pieces = []
    held: list[tuple[str, int]] = []
    tokens = 1  # the end mark
    for atom, count in atoms:
        while held and tokens + count > max_tokens:
            keep = len(held)
            for at in range(len(held), len(held) // 2, -1):
                if _CLAUSE_END.search(held[at - 1][0]):
                    keep = at
                    break
            pieces.append("".join(text for text, _ in held[:keep]))
            held = held[keep:]
            tokens = 1 + sum(n for _, n in held)
        held.append((atom, count))
        tokens += count
    pieces.append("".join(text for text, _ in held))
    return pieces


def _halve(
    pieces: list[str], count_tokens: Callable[[list[str]], Sequence[int]], max_tokens: int
) -> list[str]:
    """Cuts every piece that is over the bound in two until none is."""
    while True:
        counts = count_tokens(pieces)
        if all(
            count <= max_tokens or len(piece) == 1
            for piece, count in zip(pieces, counts, strict=True)
        ):
            return pieces
        halves = []
        for piece, count in zip(pieces, counts, strict=True):
            if count <= max_tokens or len(piece) == 1:
                halves.append(piece)
            else:
                cut = _clean_cut(piece, len(piece) // 2)
                halves += (piece[:cut], piece[cut:])
        pieces = halves


def _clean_cut(text: str, position: int) -> int:
    """The next position at which no character is parted from the marks that belong to it; never 0
    or the end.
    """
    for cut in range(max(position, 1), min(position + 32, len(text))):
        if not unicodedata.combining(text[cut]) and text[cut] not in "\u200d\ufe0e\ufe0f":
            if text[cut - 1] != "\u200d":
                return cut
    return max(position, 1)
