"""Settings of the job file's section `clean`: every rule by name, with its bound.

A rule of `clean` takes its bound, or `off` (which YAML reads as false). A rule's name is what it is
called in the ledger and in `dataset/rejected/`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pydantic
from pydantic import Field

from electra_model.config import STRICT, bound_or_off

Off = Literal[False]

# The least and the greatest bound that make sense, for every rule that has one. No record is longer
# than 32 MiB.
_MOST_CHARACTERS = 32 << 20
_MOST_RATIO = 1_000_000
_BOUNDS: dict[str, tuple[float, float]] = {
    "min_letters_share": (0, 1),
    "min_script_share": (0, 1),
    "min_characters": (1, _MOST_CHARACTERS),
    "max_characters": (1, _MOST_CHARACTERS),
    "max_words": (1, _MOST_CHARACTERS),
    "max_word_length": (1, 1000),
    "max_length_ratio": (1, _MOST_RATIO),
    "max_markup_share": (0, 1),
    "max_url_share": (0, 1),
    "max_repetition": (2, 1000),
    "wrong_language": (0, 1),
    "overlap": (0, 1),
    "near_duplicate": (0.3, 1),
}

# What `preset: published` switches on, with where the bounds come from: G is Gopher (Rae et al.
# 2021, arXiv:2112.11446, appendix A.1.1, and table A1 for repetition), F FineWeb (Penedo et al.
# 2024, arXiv:2406.17557, section 3.6).
PUBLISHED: dict[str, float] = {
    "min_punctuated_lines": 0.12,  # F, after an idea of C4 (Raffel et al. 2020, section 2.2)
    "max_bullet_lines": 0.9,  # G
    "max_ellipsis_lines": 0.3,  # G
    "max_symbol_word_ratio": 0.1,  # G
    "min_mean_word_length": 3,  # G
    "max_mean_word_length": 10,  # G
    "min_stop_words": 2,  # G
    "max_duplicate_lines": 0.3,  # G, table A1
}
_DOCUMENT_BOUNDS: dict[str, tuple[float, float]] = {
    "min_punctuated_lines": (0, 1),
    "max_bullet_lines": (0, 1),
    "max_ellipsis_lines": (0, 1),
    "max_symbol_word_ratio": (0, _MOST_RATIO),
    "min_mean_word_length": (1, 1000),
    "max_mean_word_length": (1, _MOST_RATIO),
    "min_stop_words": (1, 100),
    "max_duplicate_lines": (0, 1),
}


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class DocumentConfig:
    """Rules for monolingual records that are whole documents, judged with their line ends.

    All are off unless a bound is named, or `preset` switches them on; a bound that is named, or
    `off`, wins over the preset. Texts of one line are judged like documents of one line, so these
    rules are not for files of sentences. Words are what stands between white space; the rules
    of words pass languages that are written without it.

    Attributes:
      preset: "published" switches all on with the bounds of Gopher and FineWeb (`PUBLISHED`).
      min_punctuated_lines: least share of lines that end in a mark that ends sentences.
      max_bullet_lines: share of lines that begin with a bullet.
      max_ellipsis_lines: share of lines that end in an ellipsis.
      max_symbol_word_ratio: of hashes and ellipses to words.
      min_mean_word_length, max_mean_word_length: characters of the mean word.
      min_stop_words: different function words of the language that occur at least; languages
        without a list pass.
      max_duplicate_lines: share of lines that stand in the document before.
    """

    preset: Literal["published"] | Off = False
    min_punctuated_lines: float | Off | None = None
    max_bullet_lines: float | Off | None = None
    max_ellipsis_lines: float | Off | None = None
    max_symbol_word_ratio: float | Off | None = None
    min_mean_word_length: float | Off | None = None
    max_mean_word_length: float | Off | None = None
    min_stop_words: int | Off | None = None
    max_duplicate_lines: float | Off | None = None

    @pydantic.field_validator(*_DOCUMENT_BOUNDS, mode="before")
    @classmethod
    def _check_bound(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        return bound_or_off(value, *_DOCUMENT_BOUNDS[info.field_name or ""])

    def bounds(self) -> dict[str, float]:
        """Rule -> bound, of the rules that are on."""
        preset = PUBLISHED if self.preset else {}
        named = {name: getattr(self, name) for name in _DOCUMENT_BOUNDS}
        chosen = {name: preset.get(name) if v is None else v for name, v in named.items()}
        return {name: v for name, v in chosen.items() if v is not None and v is not False}


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class CleanConfig:
    """Rules that reject records, each with its bound. What they reject is in `dataset/rejected/`.

    Training pairs go through all but `documents`; a pair is rejected when either side is.
    Validation and test pairs that are named in `data` are a measure, so they lose nothing but what
    cannot be scored: unreadable and empty records (and, when they are tokenised, those above
    `dataset.max_tokens`). Monolingual texts go through `duplicate`, the rules marked [text] and
    `documents`. Of `task: generate`, `documents`, `duplicate` and `leak` look at whole texts, all
    other rules at the pairs that these are cut into.

    Attributes:
      mend: before all rules, mends texts that were decoded wrongly, HTML entities, ligatures,
        and takes out invisible characters (the package ftfy); counted as `mended`. Not a rule, and
        for training and monolingual records only.
      empty: a side without any letter, digit or symbol once normalised. [text]
      broken_encoding: U+FFFD, which decoders leave where bytes were no text. [text]
      control_characters: control and invisible format characters other than white space and those
        that writing needs (zero-width joiners and space, direction marks). [text]
      min_letters_share: least share of letters among the characters that are not white space.
        [text]
      min_script_share: least share of letters in a script of the side's language. [text]
      min_characters, max_characters: shortest and longest side. max_words: between spaces, longest
        side. max_word_length: characters without a space; off for languages written without.
      max_length_ratio: of characters, longer side to shorter side, where the longer one has more
        than 20.
      max_markup_share: share of characters in HTML or XML tags and entities. [text]
      max_url_share: share of characters in web and e-mail addresses. [text]
      max_repetition: times that a word, or up to 32 characters with a letter among them, may
        come directly one after the other. [text]
      placeholder_mismatch: `{name}`, `{0}`, `{{x}}`, `${x}`, `%s`, `%(name)s`, `%1$s` and the tags
        of the sides differ; see `placeholders`.
      number_mismatch: numbers of the sides differ; digits of all scripts are the same, and
        separators do not count.
      wrong_language: least probability that a side is in its language; texts shorter than 40
        characters pass. Slow: 1 to 2 MB/s a core. [text]
      identical: source equals target.
      duplicate: which equal records are dropped but for the first: "pair", "source" or off. [text]
      leak: training pairs whose source, lower-cased and without digits, punctuation and white
        space, is that of a validation or test pair.
      overlap: training pairs of whose source this share of word n-grams, or more, is in the sources
        of the validation data, in files or split off, and of the test files. overlap_words: the n;
        shorter sources pass.
      near_duplicate: least similarity of a training pair's source, or of a monolingual text, to
        others, of which all but the first are dropped. It is the share of runs of
        `near_duplicate_shingle` words that two texts have in common, of all those in either. With
        `leak`, training pairs as similar to a validation or test source are dropped, as
        `near_leak`. See `near_duplicates`. [text]
      near_duplicate_shingle: words in a run: 5 suits documents, 1 or 2 sentences.
      documents: rules for whole documents. [text]
      max_rejected_fraction: share of rejected training pairs, or monolingual texts, above which the
        work fails: so many are a sign of a wrong bound or a wrong file.
    """

    mend: bool = False
    empty: bool = True
    broken_encoding: bool = True
    control_characters: bool = True
    min_letters_share: float | Off = 0.3
    min_script_share: float | Off = False
    min_characters: int | Off = False
    max_characters: int | Off = 2000
    max_words: int | Off = False
    max_word_length: int | Off = False
    max_length_ratio: float | Off = 4.0
    max_markup_share: float | Off = False
    max_url_share: float | Off = False
    max_repetition: int | Off = False
    placeholder_mismatch: bool = True
    number_mismatch: bool = False
    wrong_language: float | Off = False
    identical: bool = True
    duplicate: Literal["pair", "source"] | Off = "pair"
    leak: bool = True
    overlap: float | Off = False
    overlap_words: int = Field(default=8, ge=1, le=64)
    near_duplicate: float | Off = False
    near_duplicate_shingle: int = Field(default=5, ge=1, le=100)
    documents: DocumentConfig = Field(default_factory=DocumentConfig)
    max_rejected_fraction: float = Field(default=0.9, gt=0, le=1)

    @pydantic.field_validator(*_BOUNDS, mode="before")
    @classmethod
    def _check_bound(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        return bound_or_off(value, *_BOUNDS[info.field_name or ""])


# The rules of `documents`.
DOCUMENT_RULES = tuple(_DOCUMENT_BOUNDS)


def rule_names() -> tuple[str, ...]:
    """Every rule of `clean` that can reject a record, those of `documents` included."""
    settings = {
        "mend", "overlap_words", "near_duplicate_shingle", "documents", "max_rejected_fraction",
    }  # fmt: skip
    fields = [field.name for field in dataclasses.fields(CleanConfig)]
    return (*(name for name in fields if name not in settings), *DOCUMENT_RULES)
