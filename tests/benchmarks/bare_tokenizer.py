"""The tokenizer's TensorFlow op alone, on text that is in memory already: what no pipeline around
it that tokenises every text whole can be faster than.

`python -m tests.benchmarks.bare_tokenizer VOCABULARY_DIR TEXT.jsonl PROCESSES` prints as JSON
{"seconds": of the slowest process, "bytes", "documents", "tokens": of all}.
"""

import json
import multiprocessing
import os
import sys
import time

_BATCH = 256


def rate(vocabulary: str, path: str, number: int, processes: int, barrier, results) -> None:
    """One process: every so-manieth document, from `number`; reading and import are not timed."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    from electra_model.tokenizer import WORD_START, Tokenizer
    from pipelines.texts.normalize import normalize_texts

    # The processes share the cores as those of the others do.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tokenizer = Tokenizer.load(vocabulary)
    wordpiece = tokenizer.file_name == "vocab.txt"

    def tokenise(texts: tf.Tensor) -> int:
        if wordpiece:  # which takes words, each with the mark of its start
            texts = tf.strings.join([WORD_START, tf.strings.split(texts).flat_values])
        return int(tf.size(tokenizer.layer.tokenize(texts).flat_values))

    with open(path, encoding="utf-8") as stream:
        texts = [
            json.loads(line)["text"] for n, line in enumerate(stream) if n % processes == number
        ]
    texts = normalize_texts(texts)
    batches = [tf.constant(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
    tokenise(batches[0][:8])
    barrier.wait()
    start = time.monotonic()
    tokens = sum(tokenise(batch) for batch in batches)
    seconds = time.monotonic() - start
    results.put((seconds, sum(len(text.encode()) for text in texts), len(texts), tokens))


def main(vocabulary: str, path: str, processes: str) -> None:
    """Starts the processes, which begin to tokenise at the same moment."""
    context = multiprocessing.get_context("spawn")
    count = int(processes)
    barrier, results = context.Barrier(count, timeout=600), context.Queue()
    workers = [
        context.Process(target=rate, args=(vocabulary, path, number, count, barrier, results))
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise SystemExit("a process failed")
    found = [results.get() for _ in workers]
    seconds, sizes, documents, tokens = zip(*found, strict=True)
    print(
        json.dumps(
            {
                "seconds": max(seconds),
                "bytes": sum(sizes),
                "documents": sum(documents),
                "tokens": sum(tokens),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
