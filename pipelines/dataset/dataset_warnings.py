"""What a person should look at once a dataset is prepared: signs of a wrong file, bound or setting.

Warnings stop nothing. They are in `dataset_info.json`, on standard error, and in the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import files
from ..cleaning import clean, header_rows, lost_files
from ..config import PrepareConfig
from ..formats.gettext_catalogue import NO_PLURAL_FORM
from ..records import FEW_RECORDS, LARGE_SHARE, Ledger
from ..stages import load_index
from ..texts import langid
from ..texts.scripts import is_spaced

# A vocabulary with more tokens per word has hardly any words in it; nor has one with more than this
# share of those that a word would be if it were cut into its characters and the mark of its start.
MOST_TOKENS_PER_WORD = 4.0
MOST_OF_CHARACTERS = 0.7

SAMPLE_ROWS = 200
_SAMPLE_CHUNKS = 8
_SAMPLE_FILES = 16

# Fewer say nothing: words of a sample, characters of a side.
_FEW_WORDS = 100
_FEW_CHARACTERS = 200

_IDENTIFIED_CHARACTERS = 20_000


def find(
    config: PrepareConfig, ledgers: Mapping[str, Ledger], vocabularies: Iterable[Mapping[str, Any]]
) -> list[str]:
    """The warnings, each one line.

    Args:
      ledgers: split -> what became of its records. vocabularies: what `vocabulary.json` says.
    """
    losses = lost_files.by_file(config)
    in_part = lost_files.in_part(config, losses)
    warnings = large_rejections(ledgers, config.workdir, told=in_part)
    warnings += [text for some in in_part.values() for text in some]
    warnings += lost_files.whole(config, losses) + lost_plurals(losses)
    warnings += cut_sources(config)
    chunks = clean.chunks(config)
    texts = sample_by_language(config, chunks)
    warnings += header_rows.find(config, chunks)
    warnings += exchanged_files(config, chunks) or other_languages(texts)
    cut_short = [card["note"] for card in vocabularies if "note" in card]
    warnings += cut_short
    characters = word_lengths(texts)
    for language, (words, tokens) in fertility(config, chunks).items():
        mean = characters.get(language)
        warnings += split_words(words, tokens, language, mean, can_grow=not cut_short)
    return warnings


def sample_by_language(
    config: PrepareConfig, chunks: Sequence[clean.Chunk]
) -> dict[str, list[str]]:
    """Language -> some clean texts of it, of every role that has any (see `sample`)."""
    texts: dict[str, list[str]] = {}
    for role in dict.fromkeys(chunk.role for chunk in chunks):
        sides = sample(config, [chunk for chunk in chunks if chunk.role == role])
        for language, some in zip(clean.languages_for(config, role), sides, strict=False):
            texts.setdefault(language, []).extend(some)
    return texts


def other_languages(texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Whether most texts of a language look like one and the same other language."""
    found = []
    for language, some in texts.items():
        long = [text for text in some if len(text) >= langid.SHORTEST]
        if len(long) < FEW_RECORDS or not langid.is_known(language):
            continue
        looks, count = Counter(langid.identify(text, [language]) for text in long).most_common(1)[0]
        if looks != language and count > len(long) / 2:
            found.append(
                f"{count / len(long):.0%} of {len(long)} texts that should be in {language} look "
                f"like {looks}; name their language in source_lang, target_lang or "
                "data.monolingual, or look whether they are the right files"
            )
    return found


def exchanged_files(config: PrepareConfig, chunks: Sequence[clean.Chunk]) -> list[str]:
    """Whether files of pairs have their sides exchanged: all that are looked at, or some of them;
    at most 16, evenly spread.
    """
    by_path: dict[str, list[clean.Chunk]] = {}
    for chunk in chunks:
        if not chunk.role.startswith(clean.MONOLINGUAL):
            by_path.setdefault(chunk.path, []).append(chunk)
    paths = [[*by_path][position] for position in _spread(len(by_path), _SAMPLE_FILES)]
    verdicts = {
        path: swapped_sides(*sample(config, by_path[path]), config.source_lang, config.target_lang)
        for path in paths
    }
    judged = {path: verdict for path, verdict in verdicts.items() if verdict is not None}
    swapped = [path for path, verdict in judged.items() if verdict]
    if not swapped:
        return []
    look = f"look like {config.target_lang} and the targets like {config.source_lang}"
    if len(swapped) == len(judged):
        fields = "data.source_field and data.target_field"
        if all(header_rows.has_none(config, path) for path in swapped):
            fields = f"the columns of the {'files' if len(swapped) > 1 else 'file'}"
        return [f"the sources {look}; exchange source_lang and target_lang, or {fields}"]
    others = f" and of {len(swapped) - 1} other of the files" if len(swapped) > 1 else ""
    return [
        f"the sources of {swapped[0]}{others} {look}, those of other files do not; exchange the "
        "columns there, or leave out what does not belong"
    ]


def fertility(config: PrepareConfig, chunks: Sequence[clean.Chunk]) -> dict[str, tuple[int, int]]:
    """Language -> words, and tokens without end marks, of all texts that were tokenised."""
    totals: dict[str, tuple[int, int]] = {}
    receipts = {receipt.unit_id: receipt for receipt in load_index(config, "encode").receipts}
    for chunk in chunks:
        facts = receipts[chunk.id].facts
        languages = clean.languages_for(config, chunk.role)
        for language, side in zip(languages, ("source", "target"), strict=False):
            words, tokens = totals.get(language, (0, 0))
            totals[language] = words + facts["words"][side], tokens + facts["tokens"][side]
    return totals


def word_lengths(texts: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Language -> characters of the mean word, in texts of each."""
    found = {}
    for language, some in texts.items():
        words = [len(word) for text in some for word in text.split()]
        if words:
            found[language] = sum(words) / len(words)
    return found


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


def large_rejections(
    ledgers: Mapping[str, Ledger], workdir: str, told: Collection[str] = ()
) -> list[str]:
    """Rules that dropped more than 30 % of a split, but for those that all is told of already."""
    return [
        f"the rule {rule} rejected {count / ledger.records_in:.0%} of the {ledger.records_in:,} "
        f"records for {split}; look into "
        + files.join(workdir, "dataset", "rejected", f"{rule}.jsonl.gz")
        for split, ledger in ledgers.items()
        for rule, count in sorted(ledger.rejected.items())
        if ledger.records_in >= FEW_RECORDS
        and count > LARGE_SHARE * ledger.records_in
        and rule not in told
    ]


def lost_plurals(losses: Mapping[str, lost_files.Losses]) -> list[str]:
    """Catalogues that lost messages because their headers say nothing of plurals."""
    counts = {path: lost.rejected[NO_PLURAL_FORM] for path, lost in losses.items()}
    path, *others = [path for path, count in counts.items() if count] or [""]
    if not path:
        return []
    such = f" (one of {1 + len(others)} such catalogues)" if others else ""
    lost = sum(counts.values())
    return [
        f"the header of {path}{such} has no usable line Plural-Forms, so that {lost:,} "
        "texts of messages with a plural were rejected (no_plural_form); add the line, for two "
        'forms as in German "Plural-Forms: nplurals=2; plural=(n != 1);\\n"'
    ]


def cut_sources(config: PrepareConfig) -> list[str]:
    """Whether more than 30 % of the training sources are longer than what is kept of them."""
    facts = [receipt.facts for receipt in load_index(config, "encode").receipts]
    cut = sum(some["cut"]["train"] for some in facts if "cut" in some)
    pairs = sum(some["pairs"]["train"] for some in facts)
    if pairs < FEW_RECORDS or cut <= LARGE_SHARE * pairs:
        return []
    return [
        f"{cut / pairs:.0%} of the {pairs:,} sources for train have more than dataset.max_tokens "
        f"({config.dataset.max_tokens}) tokens, of which the beginnings were kept; raise it "
        "together with model.max_length and train.buckets if the rest matters"
    ]


def swapped_sides(
    sources: Sequence[str], targets: Sequence[str], source_lang: str, target_lang: str
) -> bool | None:
    """Whether each side is in the other's language, judged on all texts of a side together; None
    where there is too little text, or the languages are not told apart.
    """
    if not langid.are_told_apart(source_lang, target_lang):
        return None
    sides = [" ".join(side)[:_IDENTIFIED_CHARACTERS] for side in (sources, targets)]
    if min(map(len, sides)) < _FEW_CHARACTERS:
        return None
    own = [langid.compare(sides[0], source_lang, target_lang)]
    own.append(langid.compare(sides[1], target_lang, source_lang))
    return max(own) < 0


def split_words(
    words: int,
    tokens: int,
    language: str,
    characters: float | None = None,
    *,
    can_grow: bool = True,
) -> list[str]:
    """Whether a vocabulary cuts most words into characters: into more than 4 tokens, or into more
    than 70 % of the most that can be.

    Args:
      characters: of the mean word. can_grow: whether the text supports a larger vocabulary.
    """
    if words < _FEW_WORDS or not is_spaced(language):
        return []
    per_word = tokens / words
    most = MOST_TOKENS_PER_WORD
    if characters is not None:
        most = min(most, MOST_OF_CHARACTERS * (characters + 1))
    if per_word <= most:
        return []
    remedy = "raise vocabulary.size, or " if can_grow else ""
    return [
        f"the vocabulary cuts words of {language} into {per_word:.1f} tokens on average, nearly "
        f"into characters; {remedy}look whether the text is what it should be"
    ]
