"""What a text column consists of: characters counted by class, row by row, without a Python loop.

The bytes of the whole column are looked at at once. A class has few ranges of ASCII characters,
each of which is one comparison of bytes; other characters are put together from their bytes and
looked up among all code points, once for all classes. What takes more than a byte for each byte of
text is done block by block, so that a column which is one text of 32 MiB needs little more than the
column.

Classes follow the general category of the Unicode Character Database, as Python has it; letters are
told apart by the blocks of the scripts that most languages are written in.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import enum
import functools
import unicodedata
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.word_columns import laid_out, row_sums


class CharacterClass(enum.IntEnum):
    """The class of a character. Letters are category L, one class per script."""

    LATIN = 1
    CYRILLIC = 2
    GREEK = 3
    ARABIC = 4
    HEBREW = 5
    DEVANAGARI = 6
    THAI = 7
    HAN = 8
    KANA = 9
    HANGUL = 10
    OTHER_LETTER = 11
    MARK = 12  # M
    DIGIT = 13  # N
    PUNCTUATION = 14  # P
    SYMBOL = 15  # S
    SPACE = 16  # Z, and the controls that are white space
    CONTROL = 17  # Cc and Cf but for white space and JOINER
    JOINER = 18  # Cf that writing needs, see `_NEEDED_FORMATS`
    REPLACEMENT = 19  # U+FFFD, which stands for bytes that were no text
    OTHER = 20  # private use and not assigned


LETTERS = tuple(CharacterClass(code) for code in range(1, 12))

# Zero-width non-joiner and joiner; the zero-width space, which separates words in Khmer and Thai;
# the direction marks of Hebrew and Arabic; and the signs of category Cf that can be seen.
_NEEDED_FORMATS = (
    *(0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x061C),
    *range(0x0600, 0x0606),
    *(0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD),
)

_BLOCKS = {
    CharacterClass.LATIN: "0041-024F 0250-02AF 1D00-1D25 1D2C-1D5C 1D62-1D65 1D6B-1D77 1D79-1DBE "
    "1E00-1EFF 2071 207F 2090-209C 212A-212B 2C60-2C7F A722-A7FF AB30-AB64 FB00-FB06 FF21-FF5A",
    CharacterClass.CYRILLIC: "0400-052F 1C80-1C8F 1D2B 1D78 A640-A69F 1E030-1E08F",
    CharacterClass.GREEK: "0370-03FF 1D26-1D2A 1D5D-1D61 1D66-1D6A 1DBF 1F00-1FFF 2126 AB65",
    CharacterClass.ARABIC: "0600-06FF 0750-077F 0870-08FF FB50-FDFF FE70-FEFE 1EE00-1EEFF",
    CharacterClass.HEBREW: "0590-05FF FB1D-FB4F",
    CharacterClass.DEVANAGARI: "0900-097F A8E0-A8FF",
    CharacterClass.THAI: "0E00-0E7F",
    CharacterClass.HAN: "3005-3006 3400-4DBF 4E00-9FFF F900-FAFF 20000-323AF",
    CharacterClass.KANA: "3031-3035 3041-30FF 31F0-31FF FF66-FF9F 1AFF0-1B16F",
    CharacterClass.HANGUL: "1100-11FF 3131-318E A960-A97F AC00-D7FF FFA0-FFDC",
}

# As plain numbers, of which a table is made faster.
_OTHER = int(CharacterClass.OTHER)
_OF_CATEGORY = {
    name: int(kind)
    for names, kind in (
        ("Lu Ll Lt Lm Lo", CharacterClass.OTHER_LETTER),
        ("Mn Mc Me", CharacterClass.MARK),
        ("Nd Nl No", CharacterClass.DIGIT),
        ("Pc Pd Ps Pe Pi Pf Po", CharacterClass.PUNCTUATION),
        ("Sm Sc Sk So", CharacterClass.SYMBOL),
        ("Zs Zl Zp", CharacterClass.SPACE),
    )
    for name in names.split()
}

# Bytes of text that are worked on at once.
_BLOCK = 1 << 20

# Beyond these planes, and outside the last range, nothing is assigned but private use.
_ASSIGNED = (range(0x0000, 0x32400), range(0xE0000, 0xE0200))


@functools.cache
def class_table() -> np.ndarray:
    """uint8 [0x110000]: the class of each code point."""
    table = np.full(0x110000, CharacterClass.OTHER, np.uint8)
    for codes in _ASSIGNED:
        categories = list(map(unicodedata.category, map(chr, codes)))
        table[codes.start : codes.stop] = [_OF_CATEGORY.get(name, _OTHER) for name in categories]
        for code, name in zip(codes, categories, strict=True):
            if name in ("Cc", "Cf"):
                table[code] = _class_of_control(code)
    table[0xFFFD] = CharacterClass.REPLACEMENT
    letter = table == CharacterClass.OTHER_LETTER
    for script, blocks in _BLOCKS.items():
        for block in blocks.split():
            first, _, last = block.partition("-")
            here = slice(int(first, 16), int(last or first, 16) + 1)
            table[here][letter[here]] = script
    return table


def _class_of_control(code: int) -> CharacterClass:
    if chr(code).isspace():
        return CharacterClass.SPACE
    return CharacterClass.JOINER if code in _NEEDED_FORMATS else CharacterClass.CONTROL


class TextColumn:
    """A column of texts with its bytes and classes at hand, each worked out when first asked for.

    Attributes:
      texts: the column itself, without nulls.
    """

    def __init__(self, texts: pa.StringArray) -> None:
        if texts.null_count:
            raise ValueError(f"a text column has no nulls, but {texts.null_count} were found")
        self.texts = texts
        self._counts: dict[frozenset[CharacterClass], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.texts)

    @functools.cached_property
    def _layout(self) -> tuple[np.ndarray, np.ndarray]:
        """The column's bytes, uint8 [b], and where each row begins in them, int64 [n + 1]."""
        data, starts = laid_out(self.texts)
        return data, starts.astype(np.int64)

    @functools.cached_property
    def _wide(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each character beyond ASCII begins, int32 [k], and its class, uint8 [k]."""
        data, _ = self._layout
        places, classes = [np.empty(0, np.int32)], [np.empty(0, np.uint8)]
        for start in range(0, len(data), _BLOCK):
            first = np.flatnonzero(data[start : start + _BLOCK] >= 0xC0)
            if len(first):
                first += start
                places.append(first.astype(np.int32))
                classes.append(class_table()[code_points(data, first)])
        return np.concatenate(places), np.concatenate(classes)

    def _wide_members(self, wanted: frozenset[CharacterClass]) -> np.ndarray:
        places, classes = self._wide
        return places[_member_table(wanted)[classes]]

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """int32 [n]: characters of each row."""
        return pc.utf8_length(self.texts).to_numpy()

    @functools.cached_property
    def spaces(self) -> np.ndarray:
        """int32 [n]: U+0020 of each row; in normalised text there is no other white space."""
        return row_sums(self._layout[0] == 0x20, self._layout[1])

    def count(self, *classes: CharacterClass) -> np.ndarray:
        """int32 [n]: characters of these classes, all together, in each row."""
        wanted = frozenset(classes)
        if wanted not in self._counts:
            members = _ascii_members(self._layout[0], wanted)
            members[self._wide_members(wanted)] = True
            self._counts[wanted] = row_sums(members, self._layout[1])
        return self._counts[wanted]

    def has(self, *classes: CharacterClass) -> np.ndarray:
        """bool [n]: whether a row has any character of these classes. For classes that are rare."""
        wanted = frozenset(classes)
        found = self._rows_with(_ascii_members(self._layout[0], wanted))
        found[self._rows_at(self._wide_members(wanted))] = True
        return found

    def contains(self, characters: str) -> np.ndarray:
        """bool [n]: whether a row has any of these ASCII characters. For characters that are rare.

        Raises:
          ValueError: a character is not ASCII.
        """
        data, _ = self._layout
        if not characters.isascii():
            raise ValueError(f"only ASCII characters can be looked for, not {characters!r}")
        places = np.zeros(len(data), bool)
        for code in characters.encode():
            places |= data == code
        return self._rows_with(places)

    def has_longer_word(self, bound: int) -> np.ndarray:
        """bool [n]: whether a row has more than so many characters without U+0020 among them.

        Takes as long for any bound, and for text of any kind.
        """
        data, starts = self._layout
        found = np.zeros(len(self), bool)
        before = np.zeros(1, np.int64)
        for start in range(0, len(data), _BLOCK):
            stop = min(start + _BLOCK, len(data))
            spaces = np.flatnonzero(data[start:stop] == 0x20) + start
            rows = starts[slice(*np.searchsorted(starts, [start, stop + 1]))]
            # Between two of these lies a word, or nothing.
            ends = np.concatenate([before, spaces, rows])
            ends.sort(kind="stable")
            before = ends[-1:]
            long = np.flatnonzero(np.diff(ends) > bound)
            begins, ends = ends[long] + (data[ends[long]] == 0x20), ends[long + 1]
            sizes = ends - begins
            # A character has four bytes at most: the others are too long whatever they are made of.
            few = np.flatnonzero((sizes > bound) & (sizes <= 4 * bound))
            if len(few):
                leads = (_gathered(data, begins[few], sizes[few]) & 0xC0) != 0x80
                sizes[few] = row_sums(leads, np.concatenate([[0], np.cumsum(sizes[few])]))
            found[self._rows_at(begins[sizes > bound])] = True
        return found

    def rows(self, positions: np.ndarray) -> list[str]:
        """The texts at these positions, int64 [k]."""
        return self.texts.take(pa.array(positions, pa.int64())).to_pylist()

    def take(self, rows: np.ndarray) -> TextColumn:
        """The column of these rows, int64 [k]; what is worked out of them already is not again."""
        found = TextColumn(self.texts.take(pa.array(rows, pa.int64())))
        known = vars(self)
        for name in ("lengths", "spaces"):
            if name in known:
                vars(found)[name] = known[name][rows]
        found._counts = {classes: counts[rows] for classes, counts in self._counts.items()}
        return found

    def _rows_with(self, places: np.ndarray) -> np.ndarray:
        """bool [n]: the rows of any of the bytes that bool [b] says."""
        found = np.zeros(len(self), bool)
        for start in range(0, len(places), _BLOCK):
            chosen = np.flatnonzero(places[start : start + _BLOCK])
            if len(chosen):
                found[self._rows_at(chosen + start)] = True
        return found

    def _rows_at(self, places: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._layout[1], places, side="right") - 1


def _gathered(data: np.ndarray, begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The bytes of runs that begin so and are so long, int64 [k], end to end."""
    offsets = np.cumsum(sizes) - sizes
    return data[np.repeat(begins - offsets, sizes) + np.arange(sizes.sum())]


def columns_of(sides: Iterable[pa.StringArray]) -> tuple[TextColumn, ...]:
    """Each side as a `TextColumn`."""
    return tuple(TextColumn(side) for side in sides)


@functools.cache
def _member_table(wanted: frozenset[CharacterClass]) -> np.ndarray:
    """bool [classes]."""
    return np.isin(np.arange(max(CharacterClass) + 1), [*wanted])


@functools.cache
def _ascii_ranges(wanted: frozenset[CharacterClass]) -> list[tuple[int, int]]:
    """The first and the last of each run of ASCII characters that are of these classes."""
    return ranges_of(_member_table(wanted)[class_table()[:128]])


def ranges_of(member: np.ndarray) -> list[tuple[int, int]]:
    """The first and the last of each run of True, of bool [n]."""
    member = np.concatenate([[False], member, [False]])
    first = np.flatnonzero(member[1:] & ~member[:-1])
    last = np.flatnonzero(member[:-1] & ~member[1:]) - 1
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _ascii_members(data: np.ndarray, wanted: frozenset[CharacterClass]) -> np.ndarray:
    """bool [b]: which of the bytes are ASCII characters of these classes."""
    return in_ranges(data, _ascii_ranges(wanted))


def in_ranges(data: np.ndarray, ranges: Iterable[tuple[int, int]]) -> np.ndarray:
    """bool [b]: which of the bytes, uint8 [b], lie from the first to the last of a range."""
    found = np.zeros(len(data), bool)
    smallest = data.min(initial=0xFF)
    for first, last in ranges:
        if last >= smallest:
            # What is less than the first wraps round to more than the last.
            found |= (data - np.uint8(first)) <= np.uint8(last - first)
    return found


def code_points(data: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The characters of UTF-8 bytes, uint8 [b], that begin at `first`, int64 [k]: int32 [k]."""
    lead = data[first]
    codes = np.empty(len(first), np.int32)
    for size, mask in ((2, 0x1F), (3, 0x0F), (4, 0x07)):
        low, high = (0xC0, 0xE0, 0xF0, 0x100)[size - 2 : size]
        chosen = (lead >= low) & (lead < high)
        places = first[chosen]
        code = data[places].astype(np.int32) & mask
        for step in range(1, size):
            code = (code << 6) | (data[places + step] & 0x3F)
        codes[chosen] = code
    return codes
