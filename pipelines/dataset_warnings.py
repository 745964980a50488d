"""What a person should look at once a dataset is prepared: signs of a wrong file, bound or setting.

Warnings stop nothing. They are in `dataset_info.json`, on standard error, and in the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from electra_model.tokenizer import Tokenizer

from . import clean, langid
from .config import PrepareConfig
from .records import Ledger
from .scripts import is_spaced

# A rule that drops more than this of a split is more likely wrong than right.
LARGEST_SHARE = 0.3

# A vocabulary with more tokens per word has hardly any words in it.
MOST_TOKENS_PER_WORD = 4.0

SAMPLE_ROWS = 200
_SAMPLE_CHUNKS = 8

# Fewer say nothing: records of a split, words of a sample, characters of a side.
_FEW_RECORDS = 20
_FEW_WORDS = 100
_FEW_CHARACTERS = 200

_IDENTIFIED_CHARACTERS = 20_000


def find(
    config: PrepareConfig, ledgers: Mapping[str, Ledger], tokenizers: Mapping[str, Tokenizer]
) -> list[str]:
    """The warnings, each one line.

    Args:
      ledgers: split -> what became of its records. tokenizers: side -> that of its vocabulary.
    """
    warnings = large_rejections(ledgers)
    chunks = clean.chunks(config)
    sources, targets = sample(config, [chunk for chunk in chunks if chunk.role == "train"])
    warnings += swapped_sides(sources, targets, config.source_lang, config.target_lang)
    texts = {config.source_lang: sources, config.target_lang: targets}
    if not sources:
        for language in config.data.monolingual:
            role = clean.MONOLINGUAL + language
            texts[language], _ = sample(config, [chunk for chunk in chunks if chunk.role == role])
    for language, some in texts.items():
        side = "target" if language == config.target_lang else "source"
        warnings += split_words(some, language, tokenizers[side])
    return warnings


def sample(config: PrepareConfig, chunks: Sequence[clean.Chunk]) -> tuple[list[str], list[str]]:
    """Sources and targets of some 200 clean records, spread over at most 8 chunks; always the same
    ones for the same input and units. Monolingual records have no targets.
    """
    sources: list[str] = []
    targets: list[str] = []
    chosen = _spread(len(chunks), _SAMPLE_CHUNKS)
    for position in chosen:
        kept = clean.read_kept(config, chunks[position])
        rows = kept.take(_spread(kept.num_rows, -(-SAMPLE_ROWS // len(chosen))))
        sources += rows.column("source").to_pylist()
        targets += rows.column("target").drop_null().to_pylist()
    return sources, targets


def _spread(count: int, most: int) -> Any:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def large_rejections(ledgers: Mapping[str, Ledger]) -> list[str]:
    """Rules that dropped more than 30 % of a split."""
    return [
        f"the rule {rule} rejected {count / ledger.records_in:.0%} of the {ledger.records_in:,} "
        f"records for {split}; look into dataset/rejected/{rule}.jsonl.gz"
        for split, ledger in ledgers.items()
        for rule, count in sorted(ledger.rejected.items())
        if ledger.records_in >= _FEW_RECORDS and count > LARGEST_SHARE * ledger.records_in
    ]


def swapped_sides(
    sources: Sequence[str], targets: Sequence[str], source_lang: str, target_lang: str
) -> list[str]:
    """Whether each side is in the other's language, judged on all texts of a side together."""
    if not langid.are_told_apart(source_lang, target_lang):
        return []
    sides = [" ".join(side)[:_IDENTIFIED_CHARACTERS] for side in (sources, targets)]
    if min(map(len, sides)) < _FEW_CHARACTERS:
        return []
    own = [langid.compare(sides[0], source_lang, target_lang)]
    own.append(langid.compare(sides[1], target_lang, source_lang))
    if max(own) >= 0:
        return []
    return [
        f"the sources look like {target_lang} and the targets like {source_lang}; exchange "
        "source_lang and target_lang, or data.source_field and data.target_field"
    ]


def split_words(texts: Sequence[str], language: str, tokenizer: Tokenizer) -> list[str]:
    """Whether a vocabulary has more than 4 tokens per word of these texts."""
    words = sum(len(text.split()) for text in texts)
    if words < _FEW_WORDS or not is_spaced(language):
        return []
    pieces, _ = tokenizer.encode_columns(texts)
    per_word = (len(pieces) - len(texts)) / words  # without the end marks
    if per_word <= MOST_TOKENS_PER_WORD:
        return []
    return [
        f"the vocabulary cuts words of {language} into {per_word:.1f} tokens on average, nearly "
        "into characters; raise vocabulary.size, or look whether the text is what it should be"
    ]
