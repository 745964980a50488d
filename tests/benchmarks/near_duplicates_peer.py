"""What a user of datatrove writes to find near duplicates with MinHash, as its example has it.

Runs in the peers' environment. `python near_duplicates_peer.py find FOLDER OUTPUT PROCESSES` prints
{"dropped": [[file, row]]}, and `... sign FOLDER MEGABYTES` {"megabytes_per_second": rate}, as JSON.
"""

import itertools
import json
import pathlib
import struct
import sys
import time

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.utils.hashing import HashConfig

CONFIG = MinhashConfig(
    n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(precision=64)
)


def find(documents: str, output: str, processes: str) -> None:
    """Signatures, buckets, clusters; one task per file, of which each holds a part."""
    files = sorted(pathlib.Path(documents).glob("*.jsonl"))
    workers = int(processes)
    steps = [
        (
            len(files),
            [JsonlReader(documents), MinhashDedupSignature(f"{output}/signatures", CONFIG)],
        ),
        (
            CONFIG.num_buckets,
            [MinhashDedupBuckets(f"{output}/signatures", f"{output}/buckets", config=CONFIG)],
        ),
        (1, [MinhashDedupCluster(f"{output}/buckets", f"{output}/remove", config=CONFIG)]),
    ]
    for number, (tasks, pipeline) in enumerate(steps):
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=workers, logging_dir=f"{output}/logs{number}"
        ).run()
    dropped = []
    for path in sorted(pathlib.Path(output, "remove").glob("*.remove")):
        rows = itertools.chain.from_iterable(struct.iter_unpack("<I", path.read_bytes()))
        dropped += [[int(path.stem), row] for row in rows]
    print(json.dumps({"dropped": dropped}))


def sign(documents: str, megabytes: str) -> None:
    """The signatures alone, in this process, of the first so many megabytes."""
    texts, size = [], 0
    for path in sorted(pathlib.Path(documents).glob("*.jsonl")):
        with open(path) as stream:
            for line in stream:
                if size < float(megabytes) * 1e6:
                    texts.append(json.loads(line)["text"])
                    size += len(texts[-1].encode())
    step = MinhashDedupSignature("unused", CONFIG)
    step.get_shingles("the first text loads the tokenizer")
    start = time.monotonic()
    for text in texts:
        shingles = step.get_shingles(text)
        if shingles.size:
            step.get_signature(shingles)
    rate = size / 1e6 / (time.monotonic() - start)
    print(json.dumps({"megabytes_per_second": rate}))


if __name__ == "__main__":
    {"find": find, "sign": sign}[sys.argv[1]](*sys.argv[2:])
