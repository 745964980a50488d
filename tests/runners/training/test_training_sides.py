"""A job with a vocabulary for each side, from text to report, and its model put to work."""

import contextlib
import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from electra_model.errors import InputError
from electra_model.tokenizer import Tokenizer
from runners.jobs import stages, work
from runners.jobs.job import load_job
from tests.runners.conftest import toy_pairs

JOB = """\
workdir: work
source_lang: en
target_lang: de
data: {train: [train.tsv], test: [test.tsv]}
vocabulary: {size: 100, sides: separate}
dataset: {window_length: 16, max_tokens: 32, valid_fraction: 0.1}
model: {num_layers: 1, num_decoder_layers: 1, d_model: 32, num_heads: 2, dff: 64, max_length: 32}
pretrain: {steps: 3, batch_tokens: 256}
train: {steps: 200, batch_tokens: 128, buckets: [32], warmup_steps: 5, learning_rate: 1e-2}
translate: {input: [docs/*], output: out, beam_size: 2}
runner: {workers: 1}
"""
LINES = ["the red house is here", "my old book is here", "", "this new light is here", "w\u00fc"]

# A whole job; `test_export_sides` has such models, and `test_prepare_sides` such datasets.
pytestmark = pytest.mark.slow


def run(folder, names, settings=()):
    """Does stages of the job as the command does: name -> counts."""
    with contextlib.chdir(folder):
        job = load_job("job.yaml", settings)
        return work.do_stages(job, [stages.BY_NAME[name] for name in names])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("job")
    lines = [f"{source}\t{target}\n" for source, target in toy_pairs()]
    (place / "test.tsv").write_text("".join(lines[::10]))
    (place / "train.tsv").write_text(
        "".join(line for index, line in enumerate(lines) if index % 10)
    )
    (place / "docs").mkdir()
    (place / "docs" / "a.txt").write_text("".join(line + "\n" for line in LINES))
    (place / "docs" / "b.jsonl").write_text(
        "".join(json.dumps({"text": line}) + "\n" for line in LINES)
    )
    (place / "job.yaml").write_text(JOB)
    done = run(place, stages.BY_NAME)
    assert {stage["status"] for stage in done.values()} == {"done"}
    return place


def read(folder, *names):
    return json.loads(pathlib.Path(folder, *names).read_text(encoding="utf-8"))


def test_the_vocabularies_travel_from_text_to_the_model(folder):
    sides = Tokenizer.load_sides(str(folder / "work" / "vocabulary"))
    prints = [side.fingerprint() for side in sides if side]
    assert len({*prints}) == 2
    named = dict(zip(("source", "target"), prints, strict=True))
    assert read(folder, "work", "dataset", "dataset_info.json")["vocabulary_fingerprint"] == named
    described = read(folder, "work", "model", "model.json")["vocabulary"]
    assert {side: described[side]["fingerprint"] for side in described} == named
    kept = Tokenizer.load_sides(str(folder / "work" / "model"))
    assert [side.fingerprint() for side in kept if side] == prints


def test_the_warm_start_is_of_the_encoder(folder):
    report = read(folder, "work", "train", "warm_start.json")
    restored = {tensor["name"] for tensor in report["restored"]}
    assert "embedding/table" in restored
    assert {name.split("/")[0] for name in restored} == {"embedding", "encoder"}
    fresh = {tensor["name"] for tensor in report["fresh"]}
    assert "target_embedding/table" in fresh and "vocabulary_head/bias" in fresh
    sizes = read(folder, "work", "dataset", "dataset_info.json")["vocabulary_size"]
    shapes = {tensor["name"]: tensor["shape"] for tensor in report["restored"] + report["fresh"]}
    assert shapes["embedding/table"] == [sizes["source"], 32]
    assert shapes["target_embedding/table"] == [sizes["target"], 32]
    assert shapes["vocabulary_head/bias"] == [sizes["target"]]


def test_the_saved_model_says_what_translate_says(folder):
    saved = tf.saved_model.load(str(folder / "work" / "model" / "saved_model"))
    found = saved.signatures["serving_default"](text=tf.constant(LINES))
    output = [text.decode() for text in found["output"].numpy()]
    scores = found["score"].numpy().tolist()
    written = (folder / "out" / "a.txt").read_text().split("\n")
    assert len({line for line in output if line}) > 1, "different texts, different translations"
    assert written[:5] == output and written[5:] == [""]

    rows = [json.loads(row) for row in (folder / "out" / "b.jsonl").read_text().splitlines()]
    for row, text, score in zip(rows, output, scores, strict=True):
        assert (row["translation"] or "") == text
        if row["translation"]:
            np.testing.assert_allclose(row["translation_score"], score, atol=6e-5)


def test_evaluation_reads_the_target_as_the_target(folder):
    attention = read(folder, "work", "evaluation", "attention.json")
    source, target = Tokenizer.load_sides(str(folder / "work" / "model"))
    assert target is not None
    assert (
        "".join(attention["source_pieces"])
        == "\u2581" + attention["source"].replace(" ", "\u2581") + "</s>"
    )
    assert {*attention["target_pieces"]} <= {*target.pieces(range(target.size))}
    joined = "".join(piece for piece in attention["target_pieces"] if piece != "</s>")
    assert joined.replace("\u2581", " ").strip() == attention["translation"]
    assert read(folder, "work", "evaluation", "scores.json")["test"]["sentences"] == 10


def test_what_is_complete_is_complete(folder):
    again = run(folder, stages.BY_NAME)
    assert {stage["status"] for stage in again.values()} == {"complete"}
    os.unlink(folder / "work" / "model" / "target" / "spm.model")
    job = load_job(str(folder / "job.yaml"), [f"workdir={folder}/work"])
    assert stages.BY_NAME["train"].missing(job) == "target/spm.model or target/vocab.txt"


def test_text_of_the_wrong_side_ends_in_one_line(folder):
    with pytest.raises(InputError) as caught:
        run(folder, ["prepare"], ["data.monolingual.de=[docs/a.txt]"])
    assert str(caught.value) == (
        "data.monolingual.de: with vocabulary.sides: separate, text is for pretraining the "
        "encoder, which is of en alone; leave it out"
    )
