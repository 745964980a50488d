"""What a user of Hugging Face datasets and tokenizers writes to get from documents to token ids.

Runs in the peers' environment:
`python document_peer.py encode KIND PIECES.json TEXT.jsonl OUTPUT PROCESSES` does less than we do:
it tokenises and writes Parquet. `... save KIND PIECES.json TOKENIZER.json` writes the tokenizer for
others to load. The pieces are those that we learned: [[piece, score], ...], in the order of ids.
"""

import json
import sys

import datasets
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

_START = "▁"


def load(kind: str, path: str) -> tokenizers.Tokenizer:
    """The Rust tokenizer of our pieces; as ours do, it cuts each word by itself, `▁` before it."""
    with open(path, encoding="utf-8") as stream:
        pieces = [tuple(piece) for piece in json.load(stream)]
    if kind == "wordpiece":
        # Ours mark the start of a word, theirs its going on; the first five are special.
        names = [
            piece if number < 5 or piece.startswith(_START) else "##" + piece
            for number, (piece, _) in enumerate(pieces)
        ]
        numbers = {name: number for number, name in enumerate(names)}
        model = models.WordPiece(numbers, unk_token="<unk>", max_input_chars_per_word=1000)
    else:
        model = models.Unigram(pieces, unk_id=1)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(tokenizers.Regex(r"\s+"), " "), normalizers.Strip()]
    )
    return tokenizer


def encode(kind: str, vocabulary: str, path: str, output: str, processes: str) -> None:
    """Tokenise in batches, in several processes, write Parquet."""
    tokenizer = load(kind, vocabulary)
    texts = datasets.load_dataset(
        "json", data_files=path, split="train", cache_dir=f"{output}/cache"
    )

    def token_ids(batch):
        return {"token_ids": [row.ids for row in tokenizer.encode_batch(batch["text"])]}

    encoded = texts.map(
        token_ids, batched=True, num_proc=int(processes), remove_columns=texts.column_names
    )
    encoded.to_parquet(f"{output}/train.parquet")


def save(kind: str, vocabulary: str, path: str) -> None:
    """Writes tokenizer.json."""
    load(kind, vocabulary).save(path)


if __name__ == "__main__":
    {"encode": encode, "save": save}[sys.argv[1]](*sys.argv[2:])
