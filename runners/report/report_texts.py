"""What the report says of the texts of a dataset: their languages, and how they are cut.

All of it is of a sample of the shards (see `shard_sample`), looked at when the page is made, so
that it costs preparing nothing; but the tokens per word, which preparing has counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from electra_model import features
from electra_model.tokenizer import SIDES, UNK_ID, WORD_START
from pipelines.texts import langid
from pipelines.texts.scripts import is_spaced

from . import shard_sample
from .shard_sample import is_byte

# Further languages of a side that are named; the rest are summed.
_NAMED = 4

_WINDOWS = "pretrain"


def texts(workdir: str, info: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry for each side of the training pairs and for the pretraining windows, as far as
    there are any: {"split", "side", "lang", "shard", "texts", "spaced" (words are told
    apart by spaces), "pieces", "languages"}.

    Args:
      info: the contents of `dataset_info.json`.
    """
    splits = info.get("splits", {})
    pairs = next((name for name in ("train", "valid", "test") if name in splits), None)
    wanted = [(pairs, side, name) for side, name in zip(SIDES, features.PAIR, strict=True)]
    wanted.append((_WINDOWS, "text", features.WINDOW[0]))
    vocabularies = shard_sample.vocabularies(workdir)
    samples: dict[str, Any] = {}
    found = []
    for split, side, name in wanted:
        if split is None or split not in splits:
            continue
        if split not in samples:
            samples[split] = shard_sample.sample(workdir, splits[split])
        ids = (samples[split] or {}).get(name, [])
        vocabulary = vocabularies.get(name)
        if not ids or vocabulary is None or max(map(max, ids)) >= vocabulary.size:
            continue
        lang = info.get(f"{side}_lang")
        cut = [vocabulary.pieces(text) for text in ids]
        read = [shard_sample.text_of(pieces) for pieces in cut]
        expected = [lang] if lang else expected_in_windows(info)
        found.append(
            {
                "split": split,
                "side": side,
                "lang": lang,
                "shard": splits[split]["shards"][0].get("file"),
                "texts": len(ids),
                "spaced": all(map(is_spaced, expected)),
                "pieces": piece_shares(ids, cut, read),
                "languages": language_shares(read, expected),
            }
        )
    return found


def expected_in_windows(info: dict[str, Any]) -> list[str]:
    """The languages that pretraining windows are made of, the source's first: all that have been
    tokenised, but for the target's where each side has a vocabulary of its own.
    """
    source, target = info.get("source_lang"), info.get("target_lang")
    met = info.get("fertility") or dict.fromkeys((source, target))
    codes = [code for code in (source, target) if code in met] + [*met]
    apart = isinstance(info.get("vocabulary_fingerprint"), dict)
    return [code for code in dict.fromkeys(codes) if code and not (apart and code == target)]


def piece_shares(
    ids: Sequence[Sequence[int]], pieces: Sequence[Sequence[str]], texts: Sequence[str]
) -> dict[str, float]:
    """How n texts are cut.

    Args:
      ids, pieces: of each text. texts: as they read.

    Returns:
      "tokens" (how many), "tokens_per_word" (words are what stands between spaces),
      "characters_per_token" (spaces included), and of the tokens the shares that are "unknown",
      "single" (one character, with the start of a word or without, or a byte of one) and "letter"
      (those of them that are letters).
    """
    tokens = sum(map(len, ids))
    bare = [piece.removeprefix(WORD_START) for text in pieces for piece in text]
    return {
        "tokens": tokens,
        "tokens_per_word": tokens / max(1, sum(len(text.split()) for text in texts)),
        "characters_per_token": sum(map(len, texts)) / max(1, tokens),
        "unknown": sum(text.count(UNK_ID) for text in map(list, ids)) / max(1, tokens),
        "single": sum(len(piece) <= 1 or is_byte(piece) for piece in bare) / max(1, tokens),
        "letter": sum(len(piece) == 1 and piece.isalpha() for piece in bare) / max(1, tokens),
    }


def language_shares(texts: Sequence[str], expected: Sequence[str]) -> dict[str, Any]:
    """The languages that texts are probably in.

    Args:
      expected: codes of the languages that they should be in; a text in a close relative of one
        counts as that one.

    Returns:
      "identified": how many texts are long enough; "unknown": the expected languages that cannot be
      identified; "shares": (code, share of those identified), the "expected" first ones, then the
      most frequent others; "rest": the share of all further ones.
    """
    unknown = [code for code in expected if not langid.is_known(code)]
    readable = [code for code in expected if code not in unknown]
    counts = Counter(
        langid.identify(text, readable) for text in texts if len(text) >= langid.SHORTEST
    )
    total = sum(counts.values())
    others = [code for code, _ in counts.most_common() if code not in readable]
    named = [*readable, *others[:_NAMED]]
    return {
        "identified": total,
        "unknown": unknown,
        "expected": len(readable) if total else 0,
        "shares": [(code, counts[code] / total) for code in named] if total else [],
        "rest": sum(counts[code] for code in others[_NAMED:]) / max(1, total),
    }


def fertility(info: dict[str, Any]) -> list[dict[str, Any]]:
    """Language by language {"lang", "words", "tokens", "tokens_per_word"} of the whole corpus; a
    language written without spaces has no words to speak of, and None there.
    """
    found = []
    for lang, counts in info.get("fertility", {}).items():
        spaced = is_spaced(lang) and counts["words"] > 0
        per_word = counts["tokens"] / counts["words"] if spaced else None
        found.append({"lang": lang, **counts, "tokens_per_word": per_word})
    return found
