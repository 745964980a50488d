"""What a user of Hugging Face datasets and tokenizers writes to get from a TSV to shuffled token
ids on disk.

Runs in the peers' environment: `python prepare_peer.py TRAIN.tsv OUTPUT VOCABULARY_SIZE PROCESSES`.
"""

import sys
import unicodedata

import datasets
import tokenizers


def main(path: str, output: str, size: str, processes: str) -> None:
    """Read, normalise, drop empty and duplicate pairs, learn a unigram vocabulary, tokenise,
    shuffle, write."""
    workers = int(processes)
    pairs = datasets.load_dataset(
        "csv",
        data_files=path,
        delimiter="\t",
        column_names=["source", "target"],
        quoting=3,
        keep_default_na=False,
        split="train",
        cache_dir=f"{output}/cache",
    )

    def normalise(batch):
        return {
            name: [" ".join(unicodedata.normalize("NFC", text).split()) for text in batch[name]]
            for name in ("source", "target")
        }

    pairs = pairs.map(normalise, batched=True, num_proc=workers)
    seen = set()

    def is_new(source, target):
        key = (source, target)
        if not source or not target or key in seen:
            return False
        seen.add(key)
        return True

    pairs = pairs.filter(is_new, input_columns=["source", "target"])

    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=int(size), special_tokens=["<pad>", "<unk>", "<s>", "</s>"], unk_token="<unk>"
    )
    texts = (text for name in ("source", "target") for text in pairs[name])
    tokenizer.train_from_iterator(texts, trainer)

    def encode(batch):
        return {
            f"{name}_ids": [row.ids for row in tokenizer.encode_batch(batch[name])]
            for name in ("source", "target")
        }

    encoded = pairs.map(encode, batched=True, num_proc=workers, remove_columns=["source", "target"])
    encoded.shuffle(seed=1).flatten_indices(num_proc=workers).to_parquet(f"{output}/train.parquet")
    print(len(encoded))


if __name__ == "__main__":
    main(*sys.argv[1:])
