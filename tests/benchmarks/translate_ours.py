"""Our search on token sequences; prints one line of JSON.

`python -m tests.benchmarks.translate_ours MODEL SOURCES.npz OUTPUTS.npz BEAM PROCESSES THREADS
[shortlist]`: the files are those of `translate_peer`. Each process takes its share of the
sentences; the seconds are those from when all are ready to when the last has done its share.
"""

import json
import multiprocessing
import pathlib
import sys
import time

import numpy as np

WARM_ROWS = 32


def share(
    folder: str, sources: str, part: int, parts: int, threads: int, search: dict, ready, send
):
    """What one process does: loads, searches a few, waits for the others, searches its share."""
    from electra_model.export import load_model  # before TensorFlow, which it tells something
    from pipelines import allocator

    allocator.keep_freed_memory()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    from electra_model.decoding import Decoding

    model = load_model(folder)
    arrays = np.load(sources)
    values, offsets = arrays["source_ids"], arrays["source_ids_offsets"]
    rows = np.split(values, offsets[1:-1])[part::parts]
    lengths = np.array([0, *map(len, rows)])
    decoding = Decoding(alpha=0.0, **search)
    first = np.concatenate(rows[:WARM_ROWS])
    model.search_rows(first, np.cumsum(lengths[: WARM_ROWS + 1]), decoding)
    ready.wait()
    start = time.monotonic()
    outputs, _ = model.search_rows(np.concatenate(rows), np.cumsum(lengths), decoding)
    end = time.monotonic()
    found = [np.zeros(0, np.int32)] * len(rows)
    for members, ids in outputs:
        for member, row in zip(members, ids[:, 0], strict=True):
            found[member] = row[row != 0]
    send.put((part, start, end, found))


def main() -> None:
    """Starts the processes, writes, prints."""
    folder, sources, target, beam, processes, threads, *options = sys.argv[1:]
    search = {"beam_size": int(beam), "shortlist": "shortlist" in options}
    context = multiprocessing.get_context("spawn")
    parts = int(processes)
    ready, queue = context.Barrier(parts), context.Queue()
    workers = [
        context.Process(
            target=share,
            args=(folder, sources, part, parts, int(threads), search, ready, queue),
        )
        for part in range(parts)
    ]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    answers = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    rows: list[np.ndarray] = [np.zeros(0, np.int32)] * sum(len(found) for *_, found in answers)
    for part, _, _, found in answers:
        rows[part::parts] = found
    ends = np.cumsum([0, *map(len, rows)])
    np.savez(pathlib.Path(target), target_ids=np.concatenate(rows), target_ids_offsets=ends)
    start = min(start for _, start, _, _ in answers)
    seconds = max(end for *_, end, _ in answers) - start
    facts = {"seconds": seconds, "tokens": int(ends[-1]), "load_seconds": start - began}
    print(json.dumps(facts | {"sentences": len(rows)}))


if __name__ == "__main__":
    main()
