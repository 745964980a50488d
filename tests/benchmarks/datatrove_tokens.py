"""What a user of datatrove writes to get from documents to shuffled token ids.

Runs in the peers' environment: `python datatrove_tokens.py TOKENIZER.json FOLDER OUTPUT PROCESSES`.
It reads whole files side by side, so the documents must lie in as many files as there are
processes.
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer


def main(tokenizer: str, documents: str, output: str, processes: str) -> None:
    """Read JSONL, tokenise, shuffle within each file, write ids of two bytes and an index."""
    LocalPipelineExecutor(
        [
            JsonlReader(documents),
            DocumentTokenizer(f"{output}/tokens", tokenizer, seed=1),
        ],
        tasks=int(processes),
        workers=int(processes),
        logging_dir=f"{output}/logs",
    ).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
