"""Inputs, outputs, models and work folders in object stores: the bytes of a local run, also after a
kill. The stores are real servers on this machine."""

import json
import time

import pytest

from tests.cloud import bucket, commands
from tests.small_model import write_small_model

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

WORDS = "the quick brown fox jumps over a lazy dog and runs home".split()


@pytest.fixture(params=["gcs", "s3"])
def store(request):
    variables = request.getfixturevalue(request.param)
    scheme = "gs" if request.param == "gcs" else "s3"
    return variables, f"{scheme}://bucket/{request.node.name.partition('[')[0]}"


def folder_of(root):
    return root.removeprefix("gs://bucket/").removeprefix("s3://bucket/")


def sentence(number):
    return " ".join(WORDS[number // 12**place % 12] for place in range(5)) + "."


def job_text(work, corpus):
    return f"""
workdir: {work}
source_lang: en
target_lang: de
data: {{train: ["{corpus}/*.tsv"]}}
vocabulary: {{size: 100}}
dataset: {{unit_megabytes: 0.02}}
"""


def local_files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_prepare_as_on_this_machine_and_after_a_kill(store, tmp_path):
    variables, root = store
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there, here / "corpus"):
        folder.mkdir()
    for part in range(2):
        rows = range(part * 2000, part * 2000 + 2000)
        text = "".join(f"{sentence(n)} {n}\t{sentence(n * 7)} {n}\n" for n in rows)
        (here / "corpus" / f"{part}.tsv").write_text(text)
        bucket.write(variables, f"{folder_of(root)}/corpus/{part}.tsv", text)
    (here / "job.yaml").write_text(job_text(here / "made", here / "corpus"))
    (there / "job.yaml").write_text(job_text(f"{root}/made", f"{root}/corpus"))

    counts = commands.electra({}, "prepare", here / "job.yaml")
    assert counts["in"] == 4000
    receipts = f"{folder_of(root)}/made/prepare/clean"
    commands.killed(variables, receipts, "prepare", there / "job.yaml")
    found = commands.electra(variables, "prepare", there / "job.yaml")

    assert (found["in"], found["out"]) == (counts["in"], counts["out"])
    for part in ("dataset", "vocabulary"):
        expected = local_files(here / "made" / part)
        remote = bucket.contents(variables, f"{folder_of(root)}/made/{part}")
        assert sorted(remote) == sorted(expected)
        # What names the inputs names other ones.
        naming = ("rejected/", "samples/", "dataset_info.json", "units.jsonl")
        differ = [name for name in expected if remote[name] != expected[name]]
        assert [name for name in differ if not name.startswith(naming)] == []
    again = commands.electra(variables, "prepare", there / "job.yaml")
    assert again["status"] == "complete"


def training_text(work, corpus, docs):
    return (
        job_text(work, corpus)
        + f"""
dataset: {{window_length: 16, max_tokens: 24, valid_fraction: 0.05}}
model:
  {{d_model: 16, num_heads: 2, dff: 32, num_layers: 1, num_decoder_layers: 1, max_length: 24}}
pretrain: {{steps: 20, batch_tokens: 256}}
train: {{steps: 1200, batch_tokens: 256, buckets: [24], checkpoint_minutes: 0.02}}
translate: {{input: ["{docs}/*.txt"], output: "{work}/out", beam_size: 1}}
runner: {{name: local, workers: 1}}
"""
    ).replace("dataset: {unit_megabytes: 0.02}\n", "")


def losses(metrics):
    return [
        (line["step"], line["loss"])
        for line in map(json.loads, metrics.decode().splitlines())
        if "loss" in line
    ]


def test_the_whole_job_with_its_work_folder_in_the_store(store, tmp_path):
    """Killed while it trains, gone on with as on another machine, and all is as without a store."""
    variables, root = store
    text = "".join(f"{sentence(n)}\t{sentence(n * 7)}\n" for n in range(600))
    docs = "".join(f"{sentence(n)}\n" for n in range(40))
    for folder, name, content in (("corpus", "a.tsv", text), ("docs", "b.txt", docs)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)
        bucket.write(variables, f"{folder_of(root)}/{folder}/{name}", content)
    here, there = tmp_path / "here.yaml", tmp_path / "there.yaml"
    here.write_text(training_text(tmp_path / "made", tmp_path / "corpus", tmp_path / "docs"))
    there.write_text(training_text(f"{root}/made", f"{root}/corpus", f"{root}/docs"))
    made = f"{folder_of(root)}/made"

    commands.electra({}, "run", here)
    process = commands.start({**variables, "TMPDIR": str(tmp_path)}, "run", there)
    while not any(name.endswith(".npz") for name in bucket.names(variables, f"{made}/train")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.kill()
    process.communicate()
    assert "complete.json" not in bucket.names(variables, f"{made}/train")
    (other := tmp_path / "another machine").mkdir()
    counts = commands.electra({**variables, "TMPDIR": str(other)}, "run", there)

    assert counts["stages"]["report"]["report"] == f"{root}/made/report.html"
    expected, found = local_files(tmp_path / "made"), bucket.contents(variables, made)
    assert losses(found["train/metrics.jsonl"]) == losses(expected["train/metrics.jsonl"])
    cards = [json.loads(files["model/model.json"]) for files in (found, expected)]
    assert cards[0]["fingerprint"] == cards[1]["fingerprint"]
    assert found["out/b.txt"] == expected["out/b.txt"]
    assert {"report.html", "run.json", "evaluation/scores.json"} <= found.keys()
    checkpoints = sorted(name for name in found if name.startswith("train/checkpoints"))
    assert len(checkpoints) == 3 and checkpoints[-1].endswith("step-000001200.npz")
    # The copy is gone with the run.
    assert [path for path in other.rglob("*") if "electra-work" in str(path)] == []
    again = commands.electra(variables, "run", there)["stages"]
    assert {again[name]["status"] for name in ("prepare", "train", "evaluate")} == {"complete"}


def test_translate_as_on_this_machine_and_after_a_kill(store, tmp_path):
    variables, root = store
    model, docs = write_small_model(tmp_path / "model"), tmp_path / "docs"
    docs.mkdir()
    for name in ("a", "b"):
        rows = ({"id": n, "text": sentence(n * len(name))} for n in range(150))
        (docs / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (docs / "c.txt").write_text("\n".join(map(sentence, range(40))) + "\n")
    bucket.upload(variables, model, f"{folder_of(root)}/model")
    bucket.upload(variables, docs, f"{folder_of(root)}/docs")
    units = ("--set", "translate.unit_segments=16")

    def arguments(place, output):
        options = {"--model": f"{place}/model", "--input": f"{place}/docs/*", "--output": output}
        return ["translate", *(part for pair in options.items() for part in pair), *units]

    commands.electra({}, *arguments(tmp_path, str(tmp_path / "out")))
    receipts = f"{folder_of(root)}/out/_electra/units"
    commands.killed(variables, receipts, *arguments(root, f"{root}/out"))
    counts = commands.electra(variables, *arguments(root, f"{root}/out"))

    assert counts["in"] == counts["out"] == 340
    expected = local_files(tmp_path / "out")
    remote = bucket.contents(variables, f"{folder_of(root)}/out")
    for name in ("a.jsonl", "b.jsonl", "c.txt"):
        assert remote[name] == expected[name]
    assert "_electra/manifest.json" in remote
    assert not [name for name in remote if name.startswith("_electra/units/")]
