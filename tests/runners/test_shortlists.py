"""A job with shortlists, from prepare to translated documents."""

import dataclasses
import json
import pathlib

import pytest

from electra_model.errors import InputError
from electra_model.export import load_model
from electra_model.shortlist import load
from electra_model.tokenizer import Tokenizer
from runners.engines import launch
from runners.jobs import stages
from runners.training import training
from tests.runners.conftest import toy_job, toy_pairs


def info(job):
    return json.loads(pathlib.Path(job.path("dataset", "dataset_info.json")).read_text())


@pytest.mark.parametrize("sides", ["joint", "separate"])
def test_prepare_learns_what_lists_are_made_of(tmp_path, sides):
    longer = {"model": {"max_length": 40}, "train": {"buckets": [40]}}
    vocabulary = {"sides": sides}
    job = toy_job(
        tmp_path, dataset={"shortlist": 4, "max_tokens": 40}, vocabulary=vocabulary, **longer
    )
    launch.run_prepare(job)
    path = pathlib.Path(job.path("vocabulary", "shortlist.npz"))
    made = load(str(path))
    assert made is not None
    source, target = Tokenizer.load_sides(job.path("vocabulary"))
    target = target or source
    assert made.candidates.shape == (source.size, 5 if sides == "joint" else 4)
    assert len(made.frequent) > 5 and made.frequent.max() < target.size
    # With the frequent ones left out, what a translation is made of is mostly in its list.
    bare = dataclasses.replace(made, frequent=made.frequent[:0])
    inside = every = 0
    for one, other in toy_pairs():
        (row,) = bare.of_sources(source.encode_columns([one])[0][None])
        pieces = set(target.encode_columns([other])[0].tolist())
        inside, every = inside + len(pieces & set(row.tolist())), every + len(pieces)
    assert 0.85 * every < inside

    before = path.read_bytes(), info(job)["splits"]
    launch.run_prepare(job)
    assert (path.read_bytes(), info(job)["splits"]) == before
    plain = toy_job(tmp_path, dataset={"max_tokens": 40}, vocabulary=vocabulary, **longer)
    launch.run_prepare(plain)
    assert not path.exists() and info(plain)["splits"] == before[1]


@pytest.mark.slow  # two trainings; `test_export` has a model with lists
def test_a_model_has_them_and_translates_with_them(tmp_path):
    settings = {
        "pretrain": {"steps": 0},
        "train": {"steps": 3},
        "translate": {"input": [str(tmp_path / "docs.txt")], "output": str(tmp_path / "out")},
    }
    (tmp_path / "docs.txt").write_text("the red house is here\nmy old book is here\n")
    plain = toy_job(tmp_path, **settings)
    launch.run_prepare(plain)
    training.train(plain)
    first = load_model(plain.path("model"))
    with pytest.raises(InputError, match="translate.shortlist: .*model has none; leave it out"):
        launch.run_translate(
            dataclasses.replace(plain.translate, shortlist=True), plain.runner, plain
        )

    # The lists come later: the same weights are exported with them, nothing is trained again.
    job = toy_job(tmp_path, dataset={"shortlist": 2}, **settings)
    launch.run_prepare(job)
    assert stages.look(stages.BY_NAME["train"], job).status != "complete"
    assert training.train(job)["steps"] == 3
    loaded = load_model(job.path("model"))
    assert loaded.shortlist is not None and loaded.fingerprint != first.fingerprint
    texts = ["the red house is here", "my old book is here"]
    outputs, _ = loaded.translate(texts, beam_size=2, shortlist=True)
    launch.run_translate(
        dataclasses.replace(job.translate, shortlist=True, checks=job.translate.checks),
        job.runner,
        job,
    )
    manifest = json.loads((tmp_path / "out" / "_electra" / "manifest.json").read_text())
    assert manifest["settings"]["decoding"]["shortlist"] is True
    assert len((tmp_path / "out" / "docs.txt").read_text().splitlines()) == 2 == len(outputs)
    ranked = loaded.n_best(texts, 2, beam_size=2, shortlist=True)
    assert [one[0][0] for one in ranked] == outputs

    path = pathlib.Path(job.path("model"), "shortlist.npz")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="shortlist.npz: cannot be read .is not that of this"):
        load_model(job.path("model"))
