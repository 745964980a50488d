"""Fifth stage: counted words to a vocabulary of word pieces.

SentencePiece learns a unigram model (Kudo 2018) or byte-pair encoding (Sennrich et al. 2016) from
the most frequent words (see `words`): a short list, whatever the corpus. A WordPiece vocabulary is
chosen from the pieces of such an encoding (see `wordpiece`).
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from electra_model.errors import InputError, WorkError
from electra_model.tokenizer import (
    BOS_ID,
    EOS_ID,
    FIRST_PIECE_ID,
    PAD_ID,
    SENTENCEPIECE_FILE,
    SIDES,
    SPECIAL_PIECES,
    UNK_ID,
    WORDPIECE_FILE,
    Tokenizer,
)
from electra_model.wire_format import read_varint, varint
from electra_model.word_columns import WHITE_SPACE

from ..config import PrepareConfig, VocabularyConfig
from ..stages import Stage, Task, load_index
from ..units import Parts, Receipt
from . import wordpiece, words

T = TypeVar("T")

_VERSION = 3

MODEL_PART = "model"

# Kind of vocabulary -> its file, and what SentencePiece learns for it.
_FILES = {
    "sentencepiece": SENTENCEPIECE_FILE,
    "bpe": SENTENCEPIECE_FILE,
    "wordpiece": WORDPIECE_FILE,
}
_MODEL_TYPES = {"sentencepiece": "unigram", "bpe": "bpe", "wordpiece": "bpe"}

# Candidates that the learning starts from. A million, SentencePiece's own, cost twice the time and
# did not make the pieces longer (1.144 a word, with 8,000 pieces from 300,000 words of English).
# Nor did 100,000 words in place of 64,000: 1.104 a word to 1.107, in twice the time.
_LEAST_SEEDS = 80_000
_SEEDS_PER_PIECE = 10
_THREADS = 4
# SentencePiece lays every running word out in memory, 120 bytes each: counts are scaled down to so
# many in all. (From 20 million: the same words to a piece, a tenth of the memory.)
_RUNNING_WORDS = 1_000_000


def plan_vocabulary(config: PrepareConfig) -> list[Task]:
    """One task per vocabulary: "vocabulary", or "source" and "target"."""
    import sentencepiece

    payload = {
        "version": _VERSION,
        "words": load_index(config, "words").digest,
        **dataclasses.asdict(config.vocabulary),
        "sentencepiece": sentencepiece.__version__,
    }
    if config.vocabulary.sides == "joint":
        return [Task("vocabulary", payload)]
    return [Task(name, {**payload, "side": name}) for name in config.vocabulary.names]


def made(config: PrepareConfig) -> dict[str, Receipt]:
    """Vocabulary (see `VocabularyConfig.names`) -> the receipt of the complete stage."""
    receipts = load_index(config, "vocabulary").receipts
    return dict(zip(config.vocabulary.names, receipts, strict=True))


def for_sides(of_vocabulary: Mapping[str, T]) -> dict[str, T]:
    """Vocabulary -> something of it, as side -> that of the vocabulary that serves the side."""
    joint = "joint" in of_vocabulary
    return {side: of_vocabulary["joint" if joint else side] for side in SIDES}


def make_vocabulary(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Learns the pieces; adds the part `model`. Returns what `vocabulary.json` says."""
    name = task.payload.get("side", "joint")
    receipts = words.receipts_of(config, name)
    distinct = sum(receipt.facts["words"] for receipt in receipts)
    running = sum(receipt.facts["running"] for receipt in receipts)
    counts = words.most_frequent(
        words.read_counts(config, receipts), config.vocabulary.most_words()
    )
    columns = (column.to_pylist() for column in counts.columns)
    try:
        model = train_pieces(list(zip(*columns, strict=True)), config.vocabulary)
    except (InputError, WorkError) as error:
        if name == "joint":
            raise
        raise type(error)(f"{error}; this is of the vocabulary of the {name} side") from None
    tokenizer = tokenizer_of(config.vocabulary, model)
    parts.add(MODEL_PART, model)
    card: dict[str, Any] = {
        "kind": config.vocabulary.kind,
        "file": tokenizer.file_name,
        "size": tokenizer.size,
        "size_requested": config.vocabulary.size,
        "fingerprint": tokenizer.fingerprint(),
        "special_pieces": list(SPECIAL_PIECES),  # ids 0 to 4
        "words": {"different": distinct, "running": running, "learned_from": counts.num_rows},
        "character_coverage": config.vocabulary.character_coverage,
        "byte_fallback": config.vocabulary.byte_fallback,
        "symbols": list(config.vocabulary.symbols),
        "sentencepiece": task.payload["sentencepiece"],
    }
    if tokenizer.size < config.vocabulary.size:
        card["note"] = (
            f"vocabulary.size asks for {config.vocabulary.size:,} pieces; the training text "
            f"supports no more than {tokenizer.size:,}, so there are that many"
        )
    return card


def tokenizer_of(config: VocabularyConfig, model: bytes) -> Tokenizer:
    """The tokenizer of what `train_pieces` returned."""
    return Tokenizer.of(_FILES[config.kind], model)


def train_pieces(counted: list[tuple[str, int]], config: VocabularyConfig) -> bytes:
    """The vocabulary file that counted words give; equal for equal words, byte for byte.

    Where the words do not support `config.size` pieces, there are as many as they do support.

    Raises:
      WorkError: there are no words. InputError: the size is less than the characters, symbols and
      bytes alone need.
    """
    if not counted:
        raise WorkError(
            "vocabulary: no word is left to learn from; look into dataset/rejected for the reason"
        )
    if config.kind != "wordpiece":
        return _learn(counted, config, config.size)
    import sentencepiece

    more = _learn(counted, config, round(config.size * wordpiece.CANDIDATES))
    found = sentencepiece.SentencePieceProcessor(model_proto=more)
    candidates = [found.id_to_piece(number) for number in range(len(found))]
    try:
        return wordpiece.choose(candidates[FIRST_PIECE_ID:], counted, config)
    except wordpiece.TooSmall as error:
        raise _too_small(config, error.needed) from None


def _learn(counted: list[tuple[str, int]], config: VocabularyConfig, size: int) -> bytes:
    for _ in range(8):
        try:
            return _without_path(_train(counted, config, size))
        except RuntimeError as error:
            # SentencePiece says in words alone how far it can go.
            if found := re.search(r"value <= (\d+)", str(error)):
                size = min(size - 1, int(found[1]))
            elif found := re.search(r"required_chars\. (\d+) vs (\d+)", str(error)):
                raise _too_small(config, int(found[2])) from None
            else:
                raise WorkError(f"vocabulary: SentencePiece failed: {error}") from None
            if size <= FIRST_PIECE_ID:
                break
    raise WorkError("vocabulary: the text is too small to learn any pieces from; give more text")


def _too_small(config: VocabularyConfig, needed: int) -> InputError:
    extra = " and the symbols" * bool(config.symbols) + " and the bytes" * config.byte_fallback
    return InputError(
        f"vocabulary.size: {config.size} pieces are too few, the text's characters{extra} alone "
        f"need {needed}; raise it, or lower vocabulary.character_coverage "
        f"({config.character_coverage})"
    )


def _train(counted: list[tuple[str, int]], config: VocabularyConfig, size: int) -> bytes:
    import sentencepiece

    model = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="vocabulary-") as folder:
        rules = os.path.join(folder, "rules.tsv")
        with open(rules, "w", encoding="utf-8") as stream:
            stream.writelines(f"{code:X}\t20\n" for code in _white_space())
        sentencepiece.SentencePieceTrainer.train(  # pyright: ignore[reportAttributeAccessIssue]
            sentence_iterator=iter([f"{word}\t{count}" for word, count in _scaled(counted)]),
            input_format="tsv",
            model_writer=model,
            model_type=_MODEL_TYPES[config.kind],
            vocab_size=size,
            character_coverage=config.character_coverage,
            # The text is normalised already; what is left is what a user of the model may type.
            normalization_rule_tsv=rules,
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            control_symbols=[SPECIAL_PIECES[-1]],
            user_defined_symbols=list(config.symbols),
            byte_fallback=config.byte_fallback,
            seed_sentencepiece_size=max(_LEAST_SEEDS, _SEEDS_PER_PIECE * size),
            # Sums are taken in the order of the threads, so their number must be the same on every
            # machine: it decides ties.
            num_threads=_THREADS,
            minloglevel=2,
        )
    return model.getvalue()


def _scaled(counted: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The same words with about `_RUNNING_WORDS` in all; none falls below one."""
    running = sum(count for _, count in counted)
    if running <= _RUNNING_WORDS:
        return counted
    return [(word, max(1, count * _RUNNING_WORDS // running)) for word, count in counted]


def _white_space() -> list[int]:
    every = re.compile(f"[{WHITE_SPACE}]")
    return [code for code in range(1, 0x3001) if code != 0x20 and every.match(chr(code))]


def _without_path(model: bytes) -> bytes:
    """The model without the name of the temporary file of rules, so that it is the same every time.

    ModelProto { NormalizerSpec normalizer_spec = 3; }
    NormalizerSpec { string normalization_rule_tsv = 6; }
    """
    edited = b""
    for number, field in _fields(model):
        if number == 3:
            _, start = read_varint(field, 1)
            kept = b"".join(inner for number, inner in _fields(field[start:]) if number != 6)
            field = field[:1] + varint(len(kept)) + kept
        edited += field
    return edited


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, bytes with the tag) of every field of a protocol buffer."""
    position = 0
    while position < len(message):
        tag, stop = read_varint(message, position)
        kind = tag & 7
        if kind == 0:
            _, stop = read_varint(message, stop)
        elif kind == 2:
            size, stop = read_varint(message, stop)
            stop += size
        else:
            stop += {1: 8, 5: 4}[kind]
        yield tag >> 3, message[position:stop]
        position = stop


def card_text(config: PrepareConfig, cards: Mapping[str, dict[str, Any]]) -> bytes:
    """What `vocabulary/vocabulary.json` holds. cards: of each vocabulary; where each side has its
    own, each card is under the side's name."""
    card = dict(cards["joint"]) if "joint" in cards else {"sides": "separate", **cards}
    card = {"source_lang": config.source_lang, "target_lang": config.target_lang, **card}
    return (json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


STAGE = Stage("vocabulary", plan_vocabulary, make_vocabulary, ("vocabulary",))
