"""Our stages up to the list of near duplicates: reading, cleaning and exact duplicates included.

`python -m tests.benchmarks.near_duplicates_ours DOCUMENTS_FOLDER OUTPUT PROCESSES` prints JSON:
{"dropped": [[file, row]]}.
"""

import json
import pathlib
import sys

import apache_beam as beam
import numpy as np
import pyarrow as pa

from pipelines import prepare, stages
from pipelines.cleaning import clean
from pipelines.config import CleanConfig, DataConfig, PrepareConfig
from pipelines.deduplication import dedup, near_duplicates
from runners.engines import engines

RULES = CleanConfig(near_duplicate=0.8, near_duplicate_shingle=5, min_letters_share=False)


def main(documents: str, output: str, processes: str) -> None:
    """Runs the stages on the local runner and prints what they drop."""
    paths = sorted(str(path) for path in pathlib.Path(documents).glob("*.jsonl"))
    config = PrepareConfig(
        workdir=output,
        source_lang="en",
        target_lang="de",
        data=DataConfig(monolingual={"en": tuple(paths)}),
        clean=RULES,
    )
    runner = engines.RunnerConfig(workers=int(processes))
    plan = prepare.plan_prepare(config)
    options = engines.pipeline_options(runner)
    with beam.Pipeline(runner=engines.pipeline_runner(runner), options=options) as pipeline:
        (
            pipeline
            | "Start" >> beam.Create([""])
            | "CleanUnits" >> stages.RunStage(clean.stage(plan.units, plan.stamps), config)
            | "FindDuplicates" >> stages.RunStage(dedup.STAGE, config)
            | "SignChunks" >> stages.RunStage(near_duplicates.SIGNATURES_STAGE, config)
            | "CompareBands" >> stages.RunStage(near_duplicates.BANDS_STAGE, config)
            | "DropNearDuplicates" >> stages.RunStage(near_duplicates.NEAR_STAGE, config)
        )
    places = {}
    for number, path in enumerate(paths):
        with open(path) as stream:
            for row, line in enumerate(stream):
                places[json.loads(line)["text"]] = [number, row]
    dropped = []
    for chunk in clean.chunks(config):
        kept = clean.read_kept(config, chunk)
        rows = dedup.dropped_of(config, "near", chunk)["row"].to_numpy()
        gone = np.isin(kept.column("row").to_numpy(), rows)
        texts = kept.column("source").filter(pa.array(gone))
        dropped += [places[text] for text in texts.to_pylist()]
    print(json.dumps({"dropped": dropped}))


if __name__ == "__main__":
    main(*sys.argv[1:])
