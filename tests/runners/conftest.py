import dataclasses
import itertools

import pytest

from runners.jobs.job import make_job
from tests.remembering import remember

remember()

ARTICLES = {"the": "das", "a": "ein", "this": "dieses", "my": "mein"}
COLOURS = {"red": "rote", "green": "grüne", "small": "kleine", "old": "alte", "new": "neue"}
THINGS = {"house": "Haus", "book": "Buch", "window": "Fenster", "light": "Licht", "car": "Auto"}


def toy_pairs():
    """100 sentence pairs that follow one rule, in a fixed order."""
    words = itertools.product(ARTICLES.items(), COLOURS.items(), THINGS.items())
    return [(f"{a} {c} {t} is here", f"{A} {C} {T} ist hier") for (a, A), (c, C), (t, T) in words]


def toy_job(folder, **sections):
    """A job over the toy pairs with a model small enough for seconds."""
    corpus = folder / "train.tsv"
    corpus.parent.mkdir(parents=True, exist_ok=True)
    corpus.write_text("".join(f"{source}\t{target}\n" for source, target in toy_pairs()))
    values = {
        "task": "translate",
        "workdir": str(folder / "work"),
        "source_lang": "en",
        "target_lang": "de",
        "data": {"train": [str(corpus)]},
        "vocabulary": {"size": 100},
        "dataset": {"window_length": 16, "max_tokens": 16, "valid_fraction": 0.1},
        "model": {
            "d_model": 16,
            "num_heads": 2,
            "dff": 32,
            "num_layers": 1,
            "num_decoder_layers": 1,
            "max_length": 16,
        },
        "pretrain": {"steps": 12, "batch_tokens": 256, "log_every_steps": 4},
        "train": {
            "steps": 60,
            "batch_tokens": 128,
            "buckets": [16],
            "warmup_steps": 10,
            "learning_rate": 1e-2,
            "checkpoint_minutes": 0.001,
            "log_every_steps": 10,
        },
        "translate": {"beam_size": 2},
        "runner": {"name": "local", "workers": 1},
    }
    for name, section in sections.items():
        values[name] = {**values[name], **section} if isinstance(section, dict) else section
    return make_job(values, "toy job")


@pytest.fixture(scope="session")
def prepared_job(tmp_path_factory):
    """The toy job with its dataset and vocabulary made by the real pipeline."""
    from runners.engines import launch

    job = toy_job(tmp_path_factory.mktemp("toy"))
    launch.run_prepare(job)
    return job


@pytest.fixture(scope="session")
def trained_job(prepared_job):
    """The toy job behind both trainings, and the counts of each: updates are of two batches, and a
    moving average of the weights is exported."""
    from runners.jobs import stages, work

    train = dataclasses.replace(prepared_job.train, accumulate=2, ema=0.9)
    job = dataclasses.replace(prepared_job, train=train)
    names = ("prepare", "pretrain", "train")
    counts = work.do_stages(job, [stages.BY_NAME[name] for name in names])
    assert {one.pop("status") for one in counts.values()} == {"done"}
    return job, counts
