"""The pipeline that one writes first: lines through Beam, tokenised in batches, one Example each.

`python -m tests.benchmarks.natural_beam TEXT.jsonl OUTPUT VOCABULARY_DIR PROCESSES`
"""

import json
import sys

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from electra_model.tokenizer import Tokenizer


class Tokenise(beam.DoFn):
    """A batch of lines -> a serialized Example for each."""

    def __init__(self, vocabulary: str) -> None:
        self._vocabulary = vocabulary

    def setup(self) -> None:
        """Loads the tokenizer once per worker."""
        self._tokenizer = Tokenizer.load(self._vocabulary)

    def process(self, element):
        """Yields bytes."""
        texts = [" ".join(json.loads(line)["text"].split()) for line in element]
        for ids in self._tokenizer.encode(tf.constant(texts)).to_list():
            example = tf.train.Example()
            example.features.feature["token_ids"].int64_list.value.extend(ids)
            yield example.SerializeToString()


def main(path: str, output: str, vocabulary: str, processes: str) -> None:
    """Reads, tokenises, writes."""
    options = PipelineOptions(
        [f"--direct_num_workers={processes}", "--direct_running_mode=multi_processing"]
    )
    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        _ = (
            pipeline
            | "Read" >> beam.io.ReadFromText(path)
            | "Batch" >> beam.BatchElements(min_batch_size=64, max_batch_size=512)
            | "Tokenise" >> beam.ParDo(Tokenise(vocabulary))
            | "Write" >> beam.io.WriteToTFRecord(f"{output}/train", file_name_suffix=".tfrecord")
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
