"""What a user of Hugging Face datasets and tokenizers writes to get from documents to token ids.

Runs in the peers' environment:
`python document_peer.py KIND VOCABULARY TEXT.jsonl OUTPUT PROCESSES`. It does less than we do: it
tokenises and writes Parquet. The pieces are those that we learned, handed over as JSON: for
"wordpiece" {piece: id}, for "unigram" [[piece, score], ...].
"""

import json
import sys

import datasets
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers


def load(kind: str, path: str) -> tokenizers.Tokenizer:
    """The Rust tokenizer of our pieces."""
    with open(path, encoding="utf-8") as stream:
        pieces = json.load(stream)
    if kind == "wordpiece":
        tokenizer = tokenizers.Tokenizer(models.WordPiece(pieces, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        tokenizer = tokenizers.Tokenizer(models.Unigram([tuple(p) for p in pieces], unk_id=1))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def main(kind: str, vocabulary: str, path: str, output: str, processes: str) -> None:
    """Tokenise in batches, in several processes, write Parquet."""
    tokenizer = load(kind, vocabulary)
    texts = datasets.load_dataset(
        "json", data_files=path, split="train", cache_dir=f"{output}/cache"
    )

    def encode(batch):
        return {"token_ids": [row.ids for row in tokenizer.encode_batch(batch["text"])]}

    encoded = texts.map(
        encode, batched=True, num_proc=int(processes), remove_columns=texts.column_names
    )
    encoded.to_parquet(f"{output}/train.parquet")
    print(len(encoded))


if __name__ == "__main__":
    main(*sys.argv[1:])
