"""What holds for the stages that drop records because of others, whatever the records: books
balance, the order of the input decides only which of equals stays, and what stays is left alone.
"""

import collections
import json
import pathlib
import tempfile

import hypothesis
import pytest
from hypothesis import strategies

from pipelines import prepare, stages
from pipelines.cleaning import clean
from pipelines.deduplication import dedup, near_duplicates
from pipelines.splitting import split
from pipelines.units import Parts
from tests.pipelines.small_jobs import make_config

WORDS = ["rain", "sun", "snow", "wind", "fog", "hail"]
# Few texts of few words: many are equal, many are near, and some go through others.
PHRASES = strategies.lists(strategies.sampled_from(WORDS), min_size=5, max_size=9).map(" ".join)
PAIRS = strategies.tuples(
    strategies.one_of(PHRASES, PHRASES.map(str.upper), strategies.sampled_from(["7 %", "!? 12"])),
    strategies.sampled_from(["Regen oder Sonne", "Wind und Schnee"]),
)
NEAR = {"near_duplicate": 0.6, "near_duplicate_shingle": 2}
CLEAN = {"max_rejected_fraction": 1.0, "min_letters_share": False, "max_length_ratio": False}


def write(path, pairs):
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    return str(path)


def kept(folder, train, test):
    """The training pairs that are left by dedup and near, in order, and how many are dropped, by
    rule. The stages run without an engine, task by task."""
    folder = pathlib.Path(folder)
    config = make_config(
        folder,
        train=[write(folder / "train.tsv", train)],
        test=[write(folder / "test.tsv", test)] if test else [],
        clean={**CLEAN, **NEAR},
        dataset={"valid_fraction": 0},
    )
    plan = prepare.plan_prepare(config)
    for stage in (
        clean.stage(plan.units, plan.stamps),
        dedup.STAGE,
        near_duplicates.SIGNATURES_STAGE,
        near_duplicates.BANDS_STAGE,
        near_duplicates.NEAR_STAGE,
    ):
        _do(config, stage)
    pairs, rejected = [], collections.Counter()
    for chunk in clean.chunks(config):
        batch = clean.read_kept(config, chunk)
        gone = set()
        for name, rules in split.dropping_stages(config):
            dropped = dedup.dropped_of(config, name, chunk)
            rows = set(dropped["row"].to_pylist())
            assert not gone & rows
            gone |= rows
            rejected.update(rules[code] for code in dropped["rule"].to_pylist())
        assert chunk.role == "train" or not gone
        if chunk.role == "train":
            names = ["row", "source", "target"]
            records = zip(*(batch.column(name).to_pylist() for name in names), strict=True)
            pairs += [(source, target) for row, source, target in records if row not in gone]
    return pairs, rejected


def _do(config, stage):
    """As `stages.RunStage` does it."""
    receipts = []
    for task in stage.plan(config):
        fingerprint = stages.task_fingerprint(stage, task)
        parts = Parts(stages.folder_of(config, stage.name), task.id, fingerprint)
        receipts.append(parts.commit(stage.work(config, task, parts)))
    rows = [vars(receipt) for receipt in sorted(receipts, key=lambda receipt: receipt.unit_id)]
    path = pathlib.Path(config.workdir, "prepare", f"{stage.name}.index.json")
    path.write_text(json.dumps({"digest": f"of {stage.name}", "receipts": rows}))


@hypothesis.settings(
    deadline=None,
    max_examples=3,
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(
    train=strategies.lists(PAIRS, min_size=20, max_size=60),
    test=strategies.lists(PAIRS, max_size=3),
    draw=strategies.randoms(use_true_random=False),
)
@pytest.mark.slow
def test_what_others_make_go(train, test, draw):
    def prepared(pairs):
        with tempfile.TemporaryDirectory() as folder:
            return kept(folder, pairs, test)

    left, rejected = prepared(train)
    assert len(train) == len(left) + sum(rejected.values())
    assert not collections.Counter(left) - collections.Counter(train)

    # In any order as many are left of every cluster: one, or none near test data.
    shuffled = train[:]
    draw.shuffle(shuffled)
    assert prepared(shuffled)[1] == rejected

    if left:
        assert prepared(left) == (left, collections.Counter())
