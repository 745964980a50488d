"""Rules for whole documents of monolingual text, judged with the line ends that they came with.

The quantities are those published for Gopher (Rae et al. 2021, arXiv:2112.11446, appendix A.1.1 and
table A1), C4 (Raffel et al. 2020, JMLR 21, section 2.2) and FineWeb (Penedo et al. 2024,
arXiv:2406.17557, section 3.6); their bounds are in `clean_config.PUBLISHED`. Lines without any
character but white space do not count. Words are what stands between white space.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

import numpy as np
import xxhash

from ..texts.scripts import is_spaced, primary

_BULLETS = ("\u2022", "\u2023", "\u25b6", "\u25c0", "\u25e6", "\u25a0", "\u25a1", "\u25aa",
            "\u25ab", "\u2013", "- ", "* ", "\u00b7", "\u25cf", "\u25cb")  # fmt: skip
_ELLIPSES = ("...", "\u2026", "\u22ef")

# What ends a sentence in the scripts of `scripts`, with the quotes and brackets that may follow.
_SENTENCE_END = re.compile(
    "[.!?:;\u2026\u3002\uff01\uff1f\uff0e\u0964\u0965\u061f\u06d4\u1362\u17d4\u104b\u0589]"
    "[\"'\u201d\u2019\u00bb\u201c\u300d\u300f)\\]]*$"
)
_SYMBOL = re.compile(r"#|\.\.\.|\u2026")

# Function words, the most frequent ones; two different ones are in nearly every text of a language.
_STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "cs": "a v se na je že s z do o to i za pro k by jako ale od jsou která který po při nebo",
        "da": "og i at er en det den til på for med af de ikke som der et har fra var om eller",
        "de": "der die und das in zu den ist mit von für nicht ein eine auf im dem des es werden",
        "el": "και το να του η της με που την από για στο τα είναι οι τον δεν θα στη ένα μια",
        "en": "the be to of and that have with is in a for it on as are this or by not",
        "es": "de la que el en y a los se del las por un para con no una su es al lo como",
        "fi": "ja on ei se että oli en niin kun hän mutta ovat tai joka myös kuin vain sen jos",
        "fr": "de la le et les des en un une du que est pour qui dans par pas sur au ce plus ne",
        "hu": "a az és hogy nem is egy ez van meg de ha mint csak vagy már el kell lehet",
        "id": "yang dan di untuk dengan pada ini dari tidak dalam adalah atau itu akan ke oleh",
        "it": "di e che la il un a per in una non sono è del della con si da le i dei come",
        "nl": "de van het een en in is dat op te zijn met voor niet aan er om ook die als",
        "no": "og i det er på som en til for med at av de ikke har den et fra om var eller",
        "pl": "w i na z do się nie to jest że o jak a od po co dla przez oraz lub są tym",
        "pt": "de a o que e do da em um para com não uma os no se na por mais as dos como",
        "ro": "de și în a la cu pe nu o este un pentru că din care se mai sau sunt ca",
        "ru": "и в не на что я с он как это по но из у за от для так к или же бы было",
        "sv": "och i att det som en på är av för med till den har inte om ett de från eller",
        "tr": "ve bir bu da de için ile çok daha olarak gibi ne ama ya değil olan var veya",
        "uk": "і в не на що з у як до це за та від а для по але або бути про його є",
        "vi": "và của là các có được trong cho không một với để người này những khi đã từ",
    }.items()
}
_STOP_WORDS["nb"] = _STOP_WORDS["no"]

_EDGES = re.compile(r"^\W+|\W+$")

# With the marks around it. Longer words are passed over, on which `_EDGES` could take very long.
_LONGEST_STOP_WORD = 24


# A document of more characters is taken apart piece by piece, for lists of its words or lines would
# take many times its size.
_PIECE = 1 << 20
_WHITE_SPACE = re.compile(r"\s")
_LINE_END = re.compile("\r\n?|[\n\v\f\x1c-\x1e\x85\u2028\u2029]")  # as `str.splitlines` has it


class Document:
    """A text taken apart."""

    def __init__(self, text: str, language: str) -> None:
        self.language = language
        self.text = text

    def lines(self) -> Iterator[list[str]]:
        """The lines, stripped, without empty ones, in lists one after the other."""
        for piece in self._pieces(_LINE_END):
            yield [line for line in map(str.strip, piece.splitlines()) if line]

    def words(self) -> Iterator[list[str]]:
        """The words, in lists one after the other."""
        return map(str.split, self._pieces(_WHITE_SPACE))

    def _pieces(self, mark: re.Pattern[str]) -> Iterator[str]:
        start = 0
        while start < len(self.text):
            found = mark.search(self.text, start + _PIECE)
            stop = found.end() if found else len(self.text)
            yield self.text[start:stop]
            start = stop

    @functools.cached_property
    def line_count(self) -> int:
        """How many lines there are, or 1 where there are none."""
        return max(1, sum(map(len, self.lines())))

    @functools.cached_property
    def word_count(self) -> int:
        """How many words there are, or 1 where there are none."""
        return max(1, sum(map(len, self.words())))

    def share_of_lines(self, test: Callable[[str], object]) -> float:
        """Share of the lines that pass a test; 0 without lines."""
        return sum(1 for some in self.lines() for line in some if test(line)) / self.line_count


def punctuated_lines(document: Document) -> float:
    """Share of lines that end in a mark that ends sentences, closing quotes after it included."""
    return document.share_of_lines(_SENTENCE_END.search)


def bullet_lines(document: Document) -> float:
    """Share of lines that begin with a bullet, a dash or an asterisk."""
    return document.share_of_lines(lambda line: line.startswith(_BULLETS))


def ellipsis_lines(document: Document) -> float:
    """Share of lines that end in an ellipsis."""
    return document.share_of_lines(lambda line: line.endswith(_ELLIPSES))


def symbol_word_ratio(document: Document) -> float:
    """Hashes and ellipses to words."""
    return sum(1 for _ in _SYMBOL.finditer(document.text)) / document.word_count


def mean_word_length(document: Document) -> float:
    """Characters of the mean word."""
    return sum(len(word) for some in document.words() for word in some) / document.word_count


def stop_words(document: Document) -> int:
    """How many different function words of the language occur."""
    known = _STOP_WORDS[primary(document.language)]
    found: set[str] = set()
    for some in document.words():
        short = {word for word in some if len(word) <= _LONGEST_STOP_WORD}
        found |= {_EDGES.sub("", word).lower() for word in short} & known
    return len(found)


def duplicate_lines(document: Document) -> float:
    """Share of lines that stand in the document before."""
    if len(document.text) <= _PIECE:
        different = len({line for some in document.lines() for line in some})
    else:
        # As numbers they take less. That two of ten million meet has a chance of some millionths.
        digest = xxhash.xxh3_64_intdigest
        numbers = (digest(line.encode()) for some in document.lines() for line in some)
        different = len(np.unique(np.fromiter(numbers, np.uint64)))
    return 1 - different / document.line_count


_MEASURES: dict[str, Callable[[Document], float]] = {
    "min_punctuated_lines": punctuated_lines,
    "max_bullet_lines": bullet_lines,
    "max_ellipsis_lines": ellipsis_lines,
    "max_symbol_word_ratio": symbol_word_ratio,
    "min_mean_word_length": mean_word_length,
    "max_mean_word_length": mean_word_length,
    "min_stop_words": stop_words,
    "max_duplicate_lines": duplicate_lines,
}
_OF_WORDS = (
    "max_symbol_word_ratio",
    "min_mean_word_length",
    "max_mean_word_length",
    "min_stop_words",
)


def judge(text: str, language: str, bounds: dict[str, float]) -> str | None:
    """The first rule that rejects a document, or None.

    Args:
      text: with its line ends. language: its code.
      bounds: rule -> bound, as `DocumentConfig.bounds` gives them.
    """
    document = Document(text, language)
    for rule, measure in _MEASURES.items():
        if rule not in bounds:
            continue
        if rule in _OF_WORDS and not is_spaced(language):
            continue
        if rule == "min_stop_words" and primary(language) not in _STOP_WORDS:
            continue
        value, bound = measure(document), bounds[rule]
        if value < bound if rule.startswith("min_") else value > bound:
            return rule
    return None
