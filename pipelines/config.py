"""Settings of the two pipelines: the job file's sections `data`, `clean`, `vocabulary`, `dataset`
and `translate`.

Frozen and validated; defaults live here and nowhere else. A rule of `clean` takes its bound, or
`off` (which YAML reads as false).
"""

from __future__ import annotations

from typing import Any, Literal

import pydantic
from pydantic import Field

from electra_model.config import STRICT

Off = Literal[False]

# The rules of `clean` that have a bound, with the least that makes sense.
_LEAST_BOUNDS = {"min_letters_share": 0, "max_characters": 1, "max_length_ratio": 1}


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class DataConfig:
    """Where the text is.

    Attributes:
      train, valid, test: globs of files with pairs. Without `valid` (or `test`) none is used but
        what `dataset` splits off. A pair of line-aligned files, `x.en` and `x.de`, is named by the
        file of the source; its endings are the languages of the job.
      monolingual: language -> globs of documents or lines, for pretraining; pairs are used for it
        as well.
      source_field, target_field: names (dots reach into nested objects) in JSONL, CSV, Parquet and
        Arrow. TSV without a header is source TAB target.
      text_field: the field of monolingual JSONL, CSV, Parquet and Arrow.
      text_rows: what is one record of a monolingual .txt file: a "line", a "paragraph" (lines
        without a blank one between them) or the whole "document". HTML and Markdown files are one
        record each, and so is every document of a WARC or WET file.
      tsv_header: whether the first row of TSV files names the columns; CSV always has such a row.
    """

    train: tuple[str, ...] = ()
    valid: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    monolingual: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    source_field: str = "source"
    target_field: str = "target"
    text_field: str = "text"
    text_rows: Literal["line", "paragraph", "document"] = "line"
    tsv_header: bool = False


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class CleanConfig:
    """Rules that reject records, each with its bound. What they reject is in `dataset/rejected/`.

    Training pairs go through all of them. Validation and test pairs that are named in `data` are a
    measure, so they lose nothing but what cannot be scored: unreadable and empty records (and, when
    they are tokenised, those above `dataset.max_tokens`).
    Monolingual texts go through `empty`, `min_letters_share` and `duplicate`.

    Attributes:
      empty: a side without any letter, digit or symbol once normalised.
      min_letters_share: least share of letters among the characters that are not white space.
      max_characters: longest side. max_length_ratio: of characters, longer side to shorter side,
        where the longer one has more than 20.
      identical: source equals target.
      duplicate: which equal records are dropped but for the first: "pair", "source" or off.
      leak: training pairs whose source, lower-cased and without digits, punctuation and white
        space, is that of a validation or test pair.
      max_rejected_fraction: share of rejected training pairs, or monolingual texts, above which the
        work fails: so many are a sign of a wrong bound or a wrong file.
    """

    empty: bool = True
    min_letters_share: float | Off = 0.3
    max_characters: int | Off = 2000
    max_length_ratio: float | Off = 4.0
    identical: bool = True
    duplicate: Literal["pair", "source"] | Off = "pair"
    leak: bool = True
    max_rejected_fraction: float = Field(default=0.9, gt=0, le=1)

    @pydantic.field_validator(*_LEAST_BOUNDS, mode="before")
    @classmethod
    def _check_bound(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        # `False == 0` and `True == 1`: without this 0 would mean off, and `on` would be a bound.
        if value is False:
            return value
        if value is True:
            raise ValueError("takes a bound, or off: got on")
        least = _LEAST_BOUNDS[info.field_name or ""]
        if isinstance(value, int | float) and value < least:
            raise ValueError(f"must be at least {least}, or off: got {value}")
        if info.field_name == "min_letters_share" and isinstance(value, int | float):
            if value > 1:
                raise ValueError(f"must be at most 1, or off: got {value}")
            return float(value)
        return value


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class VocabularyConfig:
    """The pieces that text is cut into, learned from word counts of the training pairs' two sides
    (of the monolingual texts where there are no pairs).

    Attributes:
      size: number of pieces; less when the text does not support so many (see `vocabulary.json`).
      character_coverage: share of the running characters that get a piece of their own at least.
      max_words: the most frequent words that are learned from.
    """

    kind: Literal["sentencepiece"] = "sentencepiece"
    size: int = Field(default=8000, ge=64, le=250_000)
    character_coverage: float = Field(default=0.9998, gt=0.9, le=1)
    max_words: int = Field(default=1_000_000, ge=1000)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class DatasetConfig:
    """Units, splits and shards.

    Attributes:
      seed: of the global shuffle. unit_megabytes: input that is worked on and committed as one
        piece.
      valid_fraction: share of sources, by hash, that is split off train where no `valid` is named;
        at most `valid_max_records`.
      window_length: tokens in one pretraining window.
      max_tokens: longest side of a pair, end mark included; longer ones are rejected.
      records_per_shard: aim of the shard count. compression: of the shards.
    """

    seed: int = Field(default=1, ge=0)
    unit_megabytes: float = Field(default=4.0, gt=0)
    valid_fraction: float = Field(default=0.01, ge=0, lt=0.5)
    valid_max_records: int = Field(default=2000, ge=0)
    window_length: int = Field(default=128, ge=8, le=4096)
    max_tokens: int = Field(default=128, ge=2, le=4096)
    records_per_shard: int = Field(default=50_000, ge=1)
    compression: Literal["none", "gzip"] = "none"


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class PrepareConfig:
    """All that the prepare pipeline depends on: the job file's sections that concern it."""

    workdir: str
    source_lang: str
    target_lang: str
    task: str = "translate"
    data: DataConfig = DataConfig()
    clean: CleanConfig = Field(default_factory=CleanConfig)
    vocabulary: VocabularyConfig = Field(default_factory=VocabularyConfig)
    dataset: DatasetConfig = Field(default_factory=DatasetConfig)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class TranslateConfig:
    """Batch inference over document sets.

    Attributes:
      input: files, folders or globs. output: the folder that mirrors them.
      model: a model folder; none means the job's own.
      text_field: the field that is translated; dots reach into nested objects. A TSV file has a
        header when its first row has this name; without one the text is its first column, or
        column n when the field is the number n. Text files have no fields.
      output_field: the field that is added; the score goes to `<output_field>_score`, a reason for
        a missing translation to `<output_field>_error`.
      unit_segments: sentences that are translated and committed as one piece.
      max_length: tokens of the longest output sentence; none means the model's own bound.
    """

    input: tuple[str, ...] = ()
    output: str | None = None
    model: str | None = None
    text_field: str = "text"
    output_field: str = "translation"
    beam_size: int = Field(default=4, ge=1, le=32)
    length_penalty: float = Field(default=0.6, ge=0, le=5)
    unit_segments: int = Field(default=2000, ge=1)
    max_length: int | None = Field(default=None, ge=2)
