"""Small jobs of the prepare pipeline, and ways to look at what they made."""

import gzip
import hashlib
import json
import os
import random

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from electra_model import features
from pipelines import prepare, stages
from pipelines.config import (
    CleanConfig,
    DataConfig,
    DatasetConfig,
    PrepareConfig,
    VocabularyConfig,
)

WORDS = {
    "the": "das", "red": "rote", "old": "alte", "house": "Haus", "tree": "Baum", "sees": "sieht",
    "finds": "findet", "a": "ein", "small": "kleines", "green": "grünes", "book": "Buch",
    "and": "und", "never": "nie", "often": "oft", "table": "Tisch", "window": "Fenster",
}  # fmt: skip


def sentences(count, seed=0):
    """Different (source, target) pairs."""
    draw = random.Random(seed)
    found = {}
    while len(found) < count:
        words = [draw.choice(list(WORDS)) for _ in range(draw.randint(3, 12))]
        found[" ".join(words)] = " ".join(WORDS[word] for word in words)
    return list(found.items())


def write_tsv(path, pairs):
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    return str(path)


def make_config(tmp_path, name="work", *, clean=None, size=120, dataset=None, **data):
    return PrepareConfig(
        workdir=str(tmp_path / name),
        source_lang="en",
        target_lang="de",
        data=DataConfig(**data),
        clean=CleanConfig(**(clean or {})),
        vocabulary=VocabularyConfig(size=size, character_coverage=1.0),
        dataset=DatasetConfig(**(dataset or {})),
    )


def run(config, runner=None, options=None):
    """Prepares, in this process if no other runner is given; returns `dataset_info.json`."""
    plan = prepare.plan_prepare(config)
    options = options or PipelineOptions([])
    with beam.Pipeline(runner=runner or FnApiRunner(), options=options) as pipeline:
        prepare.build_prepare(pipeline, config, plan)
    return read_info(config)


def run_until(config, last):
    """The stages up to this one alone, in this process."""
    plan = prepare.plan_prepare(config)
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        element = pipeline | "Start" >> beam.Create([""])
        for label, stage in prepare.stages_of(config, plan):
            element = element | label >> stages.RunStage(stage, config)
            if stage.name == last:
                break


def read_info(config):
    with open(f"{config.workdir}/dataset/dataset_info.json") as stream:
        return json.load(stream)


def tree(config, *folders):
    """name -> sha256 of all files below `dataset` and `vocabulary`."""
    found = {}
    for folder in folders or ("dataset", "vocabulary"):
        for place, _, names in os.walk(os.path.join(config.workdir, folder)):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as stream:
                    digest = hashlib.sha256(stream.read()).hexdigest()
                found[os.path.relpath(path, config.workdir)] = digest
    return found


def read_records(config, split, names):
    import tensorflow as tf

    rows = []
    for shard in read_info(config)["splits"][split]["shards"]:
        path = f"{config.workdir}/dataset/{shard['file']}"
        packed = "GZIP" if path.endswith(".gz") else ""
        records = list(tf.data.TFRecordDataset(path, packed).as_numpy_iterator())
        assert len(records) == shard["records"]
        parsed = features.parse_examples(tf.constant(records, tf.string), names)
        rows += zip(*(parsed[name].to_list() for name in names), strict=True)
    return rows


def read_rejected(config, rule):
    with gzip.open(f"{config.workdir}/dataset/rejected/{rule}.jsonl.gz", "rt") as stream:
        return [json.loads(line) for line in stream]


def killed_config(tmp_path, name):
    """A job with many small units."""
    return make_config(
        tmp_path, name, train=[str(tmp_path / "train.tsv")],
        test=[str(tmp_path / "test.tsv")], dataset={"unit_megabytes": 0.002},
    )  # fmt: skip
