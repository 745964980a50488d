"""Settings of the two pipelines: the job file's sections `data`, `clean`, `vocabulary`, `dataset`
and `translate`.

Frozen and validated; defaults live here, those of `clean` in `clean_config`, and nowhere else.
"""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic import Field

from electra_model.config import MOST_TOKENS, STRICT, identity
from electra_model.decoding import Sampling
from electra_model.tokenizer import SIDES, SPECIAL_PIECES, WORD_START

from .cleaning.clean_config import CleanConfig as CleanConfig
from .quality.checks_config import ChecksConfig as ChecksConfig
from .translation.details_config import Wanted

# SentencePiece's names of the bytes that characters without a piece become.
_BYTE_PIECE = re.compile(r"<0x[0-9A-F]{2}>")

_Temperature = Annotated[float, Field(ge=0.01, le=100)]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class DataConfig:
    """Where the text is.

    Attributes:
      train, valid, test: globs of files with pairs (of `task: generate`: with texts, which are read
        like monolingual ones). Without `valid` (or `test`) none is used but
        what `dataset` splits off. A pair of line-aligned files, `x.en` and `x.de`, is named by the
        file of the source; its endings are the languages of the job.
      monolingual: language -> globs of documents or lines, for pretraining; pairs are used for it
        as well.
        Catalogues (TMX, XLIFF, gettext's .po and .mo) are read by language instead: texts in
        `source_lang` with theirs in `target_lang`, or those of a monolingual language. A tag for
        another region will do where there is none for the very same one.
      source_field, target_field: names (dots reach into nested objects) in JSONL, CSV, Parquet and
        Arrow. TSV without a header is source TAB target.
      text_field: the field of monolingual JSONL, CSV, Parquet and Arrow.
      text_rows: what is one record of a monolingual .txt file: a "line", a "paragraph" (lines
        without a blank one between them) or the whole "document". HTML and Markdown files are one
        record each, and so is every document of a WARC or WET file. Records of more than 32 MiB
        (Markdown: 2) are not read but rejected as "too_large"; a line, a paragraph or a document
        of text of more than 256 MiB is an error.
      tsv_header: whether the first row of TSV files names the columns; CSV always has such a row.
      csv_delimiter: what stands between the columns of CSV files, all of them.
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
    csv_delimiter: Literal[",", ";", "|", "\t"] = ","


def _problem_of_symbol(symbol: str) -> str:
    if not symbol or not symbol.isprintable() or any(map(str.isspace, symbol)):
        return "must be printable characters without white space"
    if WORD_START in symbol or "\ufffd" in symbol:
        return f"must not hold {WORD_START} or the replacement character"
    if not unicodedata.is_normalized("NFC", symbol):
        return "is never met, for text is brought to NFC; write it in NFC"
    if symbol in SPECIAL_PIECES or _BYTE_PIECE.fullmatch(symbol):
        return "is a piece that the vocabulary has by itself"
    return ""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class VocabularyConfig:
    """The pieces that text is cut into, learned from word counts of the training pairs' two sides
    (of the monolingual texts where there are no pairs).

    Attributes:
      sides: "joint" is one vocabulary for source and target; "separate" one for each, learned from
        the sources and from the targets of the training pairs, so that there must be pairs.
        Pretraining is of the encoder, which then knows the source's pieces only: its windows are
        made of the pairs' sources and of monolingual text in the source language, and there must
        be none in the target language. All that follows here is of each of the two.
      kind: "sentencepiece" is SentencePiece's unigram model, "bpe" its byte-pair encoding, both in
        `spm.model`; "wordpiece" a list of pieces in `vocab.txt`, the fastest to cut text with.
      size: number of pieces; less when the text does not support so many (see `vocabulary.json`).
      character_coverage: share of the running characters that get a piece of their own at least.
      max_words: the most frequent words that are learned from; none means eight times the size,
        and 64,000 at least.
      byte_fallback: a character without a piece becomes its UTF-8 bytes instead of unknown; takes
        256 of the pieces. Not for "wordpiece".
      symbols: strings that are one piece wherever they stand, such as placeholders (`{name}`) and
        language tags (`<2de>`).
    """

    kind: Literal["sentencepiece", "bpe", "wordpiece"] = "sentencepiece"
    size: int = Field(default=8000, ge=64, le=250_000)
    character_coverage: float = Field(default=0.9998, gt=0.9, le=1)
    max_words: int | None = Field(default=None, ge=1000, le=100_000_000)
    byte_fallback: bool = False
    symbols: tuple[str, ...] = ()
    sides: Literal["joint", "separate"] = "joint"

    @property
    def names(self) -> tuple[str, ...]:
        """What each vocabulary serves: both sides, "joint", or "source" and "target"."""
        return SIDES if self.sides == "separate" else ("joint",)

    @property
    def window_sides(self) -> tuple[str, ...]:
        """The sides of training pairs that pretraining windows are made of."""
        return SIDES[:1] if self.sides == "separate" else SIDES

    def most_words(self) -> int:
        """How many words are learned from, at most."""
        return self.max_words or max(64_000, 8 * self.size)

    @pydantic.field_validator("byte_fallback")
    @classmethod
    def _check_fallback(cls, value: bool, info: pydantic.ValidationInfo) -> bool:
        if value and info.data.get("kind") == "wordpiece":
            raise ValueError(
                "is not for kind: wordpiece; use sentencepiece or bpe, or leave it out"
            )
        return value

    @pydantic.field_validator("symbols")
    @classmethod
    def _check_symbols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for symbol in value:
            if problem := _problem_of_symbol(symbol):
                raise ValueError(f"{symbol!r} {problem}")
        for symbol in value:
            if value.count(symbol) > 1:
                raise ValueError(f"{symbol!r} is named twice")
        return value


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class ReplacementsConfig:
    """Replaced tokens made beforehand, so that pretraining runs no generator (Dong et al. 2023,
    arXiv:2310.07347).

    Attributes:
      generator: the work folder (or its `pretrain/`) of an earlier job with the same vocabulary
        whose pretraining is complete; none switches all of this off.
      temperature: of the draws, of the first file and of the last; falls evenly in between. The
        softmax of the generator's logits is taken after they are divided by it.
      copies: how often each window is written, with other tokens replaced: about as many as the
        epochs of the pretraining, whose way through the falling temperatures they are.
      mask_fraction: share of tokens hidden from the generator.
    """

    generator: str | None = Field(default=None, min_length=1)
    temperature: tuple[_Temperature, _Temperature] = (2.0, 1.0)
    copies: int = Field(default=4, ge=1, le=1000)
    mask_fraction: float = Field(default=0.15, gt=0, lt=1)

    @pydantic.field_validator("temperature")
    @classmethod
    def _check_temperature(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] < value[1]:
            raise ValueError(
                "must be two numbers of which the second is not the larger one, such as "
                f"[2.0, 1.0]; found {list(value)}"
            )
        return value


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class DatasetConfig:
    """Units, splits and shards.

    Attributes:
      seed: of the global shuffle. unit_megabytes: input that is worked on and committed as one
        piece.
      valid_fraction: share of sources, by hash, that is split off train where no `valid` is named;
        at most `valid_max_records`.
      window_length: tokens in one pretraining window.
      pair_windows: whether a training pair is one text of the windows, source and target side by
        side in an order that its hash decides on, so that each is seen from the other (XLM-E, Chi
        et al. 2022, section 3); otherwise its sides are texts of their own. It ties the languages
        together; but what is hidden on one side can often be read off the other, so that less is
        learned of each language by itself, and a pair is about twice as long, so that more are cut
        where a window ends: a window should hold several.
      max_tokens: longest side of a pair, end mark included; longer ones are rejected.
      stretch_characters: of `task: generate`, most characters of the stretches, of whole sentences,
        that texts are cut into; each is the source of the next one (see `continuations`).
      long_sources: what becomes of a pair whose source is longer than that: "reject", or "cut",
        where the pair is kept with the beginning of its source. For `task: summarise`, whose
        default is "cut"; pretraining reads the whole source all the same.
      length_buckets: rising lengths, the last at least `max_tokens`: pairs are sorted by them, by
        their longer side, within their shard, unless they are packed. None means 16, 32, 64 ... up
        to `max_tokens`; an empty list leaves shards in the order of the shuffle.
      pack_pairs: whether training pairs are laid end to end into records of up to `max_tokens` on
        each side, so that training hardly sees padding (`packing`). A pair never sees another: its
        loss is what it is alone. Every update then has the shape of `max_tokens`, which should not
        be much more than a few pairs take up: attention's cost grows with it. A record has several
        pairs, so that an update of as many tokens has more. Pairs to validate and test on stay
        alone.
      records_per_shard: aim of the shard count; packed pairs count one by one.
      compression: of the shards.
      provenance: beside each shard a file `dataset/provenance/<shard>.parquet` that says of every
        token of every record which row of which input file it came from; two lines a pair.
      replacements: pretraining windows with their replaced tokens.
      shortlist: how many target pieces are kept for each source piece, of which shortlists are made
        (see `lexicon`); 0 makes none.
    """

    came_later: ClassVar[tuple[str, ...]] = ("long_sources", "stretch_characters", "shortlist")

    seed: int = Field(default=1, ge=0, lt=1 << 63)
    unit_megabytes: float = Field(default=4.0, ge=0.0001, le=100_000)
    valid_fraction: float = Field(default=0.01, ge=0, lt=0.5)
    valid_max_records: int = Field(default=2000, ge=0, le=10_000_000)
    window_length: int = Field(default=128, ge=8, le=MOST_TOKENS)
    pair_windows: bool = False
    max_tokens: int = Field(default=128, ge=2, le=MOST_TOKENS)
    long_sources: Literal["reject", "cut"] = "reject"
    stretch_characters: int = Field(default=300, ge=20, le=100_000)
    length_buckets: tuple[Annotated[int, Field(ge=1, le=MOST_TOKENS)], ...] | None = None
    pack_pairs: bool = False
    records_per_shard: int = Field(default=50_000, ge=1, le=10_000_000)
    compression: Literal["none", "gzip"] = "none"
    provenance: bool = False
    replacements: ReplacementsConfig = Field(default_factory=ReplacementsConfig)
    shortlist: int = Field(default=0, ge=0, le=64)

    def identity(self) -> dict[str, Any]:
        """Name -> value of the settings that a dataset is known by."""
        return identity(self)

    @pydantic.model_validator(mode="after")
    def _check_buckets(self) -> DatasetConfig:
        lengths = self.length_buckets
        if lengths and [*lengths] != sorted(set(lengths)):
            raise ValueError(f"length_buckets must be rising lengths: got {[*lengths]}")
        if lengths and lengths[-1] < self.max_tokens:
            raise ValueError(
                f"length_buckets must end with max_tokens ({self.max_tokens}) or more: "
                f"got {[*lengths]}"
            )
        return self


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


def settings_of(config: PrepareConfig) -> dict[str, Any]:
    """All settings but the place of the work, for fingerprints."""
    settings = dataclasses.asdict(config)
    del settings["workdir"]
    return {**settings, "dataset": config.dataset.identity()}


def flat_settings(config: PrepareConfig) -> dict[str, Any]:
    """The same, as "section.key" -> JSON value, sections within sections spread out as well."""
    flat: dict[str, Any] = {}
    waiting = [("", json.loads(json.dumps(settings_of(config))))]
    for prefix, section in waiting:
        for key, value in section.items():
            if isinstance(value, dict):
                waiting.append((f"{prefix}{key}.", value))
            else:
                flat[f"{prefix}{key}"] = value
    return flat


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
        a missing translation to `<output_field>_error`. Its default goes by the task (`tasks`).
      unit_segments: sentences that are translated and committed as one piece.
      max_length: tokens of the longest output sentence; none means the model's own bound.
      memory: the folder of the translation memory (see `memory`), which runs may share; none means
        one in the output folder, off that nothing is remembered.
      checks: of every segment; `off` switches all of them off.
      min_length: tokens of the shortest output, end mark included. no_repeat_ngram: no output has
        so many tokens in the same order twice; 0 allows it.
      sample: outputs are drawn instead of searched, with temperature, top_k and top_p (see
        `electra_model.decoding.Sampling`); the same seed draws the same for the same text.
      n_best, alignments, attention: what is told of each translation besides (see `details`).
      shortlist: each translation has the pieces of its source's shortlist only, which is faster
        (see `electra_model.shortlist`); for models whose data were prepared with one.
      engine: what runs the model. compute_type: the numbers in which "ctranslate2" multiplies
        matrices; int8 is faster and not quite the same.
    """

    input: tuple[str, ...] = ()
    output: str | None = None
    model: str | None = None
    text_field: str = "text"
    output_field: str = "translation"
    beam_size: int = Field(default=4, ge=1, le=32)
    length_penalty: float = Field(default=0.6, ge=0, le=5)
    unit_segments: int = Field(default=2000, ge=1, le=1_000_000)
    max_length: int | None = Field(default=None, ge=2, le=MOST_TOKENS)
    memory: Annotated[str, Field(min_length=1)] | Literal[False] | None = None
    checks: ChecksConfig = Field(default_factory=ChecksConfig)
    min_length: int = Field(default=2, ge=2, le=MOST_TOKENS)
    no_repeat_ngram: int = Field(default=0, ge=0, le=64)
    sample: bool = False
    temperature: float = Field(default=1.0, gt=0, le=100)
    top_k: int = Field(default=0, ge=0, le=1_000_000)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int = Field(default=1, ge=0, le=2**31)
    n_best: int = Field(default=1, ge=1, le=32)
    alignments: bool = False
    attention: bool = False
    shortlist: bool = False
    engine: Literal["tensorflow", "ctranslate2"] = "tensorflow"
    compute_type: Literal["float32", "int8"] = "float32"

    @property
    def sampling(self) -> Sampling | None:
        """What is drawn from, where outputs are drawn."""
        if not self.sample:
            return None
        return Sampling(self.temperature, self.top_k, self.top_p, self.seed)

    @property
    def details(self) -> Wanted | None:
        """What is told of each translation, where anything is."""
        wanted = Wanted(self.n_best, self.alignments, self.attention)
        return None if wanted == Wanted() else wanted

    @pydantic.model_validator(mode="after")
    def _check_together(self) -> TranslateConfig:
        if self.n_best > self.beam_size:
            raise ValueError(
                f"n_best must be at most beam_size, {self.beam_size}: got {self.n_best}"
            )
        if self.shortlist and self.sample:
            raise ValueError("shortlist is for outputs that are searched: got shortlist and sample")
        if self.n_best > 1 and self.sample:
            raise ValueError(
                f"n_best is for outputs that are searched: got {self.n_best} and sample"
            )
        if not self.sample:
            for name, usual in (("temperature", 1.0), ("top_k", 0), ("top_p", 1.0)):
                if getattr(self, name) != usual:
                    raise ValueError(f"{name} is for outputs that are drawn: add sample: true")
        if self.max_length is not None and self.min_length > self.max_length:
            raise ValueError(
                f"min_length must be at most max_length, {self.max_length}: got {self.min_length}"
            )
        if self.engine == "tensorflow" and self.compute_type != "float32":
            raise ValueError(
                f"compute_type {self.compute_type} is for engine ctranslate2: got engine tensorflow"
            )
        return self
