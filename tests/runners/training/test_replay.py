"""`--replay N`: what an update is given, as text."""

import collections
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from electra_model.errors import InputError
from electra_model.masking import mask_tokens
from electra_model.randomness import SeedStream
from runners import cli
from runners.jobs.job import resolved_text
from runners.training import replay, training
from runners.training.training_steps import first_seed
from tests.runners.conftest import toy_job, toy_pairs


def shown(job, stage, step):
    lines = []
    return replay.show(job, stage, step, lines.append), lines


def changed(job, section, **settings):
    import dataclasses

    return dataclasses.replace(
        job, **{section: dataclasses.replace(getattr(job, section), **settings)}
    )


def test_the_updates_of_an_epoch_show_every_training_pair_once(prepared_job):
    data = training.pair_data(prepared_job)
    seen = collections.Counter()
    for step in range(1, data.plan.batches_per_epoch + 1):
        facts, lines = shown(prepared_job, "train", step)
        (batch,) = facts["batches"]
        assert lines[0] == (
            f"# step {step}, batch {step}: source and target int32 [8, 16], "
            f"{batch['texts']} texts, {batch['target_tokens']} target tokens"
        )
        _, _, target = data.arrays(data.plan.batch(step - 1))
        assert batch["target_tokens"] == np.count_nonzero(target)
        seen.update(tuple(line.split("\t")) for line in lines[1:])
    assert set(seen.values()) == {1} and len(seen) == data.pairs
    assert set(seen) <= set(toy_pairs())


def test_an_update_of_several_batches(prepared_job):
    job = changed(prepared_job, "train", accumulate=3)
    facts, lines = shown(job, "train", 2)
    assert [batch["batch"] for batch in facts["batches"]] == [4, 5, 6]
    alone = [line for step in (4, 5, 6) for line in shown(prepared_job, "train", step)[1][1:]]
    assert [line for line in lines if not line.startswith("#")] == alone


def test_pretraining_shows_what_the_generator_fills_in(prepared_job):
    facts, lines = shown(prepared_job, "pretrain", 3)
    (batch,) = facts["batches"]
    assert (batch["rows"], batch["length"]) == (16, 16)
    rows = [line.split("\t") for line in lines[1:]]
    assert len(rows) == batch["texts"] and all(len(row) == 2 for row in rows)
    assert all("<mask>" in seen and "<mask>" not in text for seen, text in rows)

    # The masks are those of the compiled update.
    data = training.window_data(prepared_job)
    tokens, _ = data.arrays(data.plan.batch(2))
    config = prepared_job.pretrain

    @tf.function(jit_compile=True)
    def masked(token_ids, number):
        seeds = SeedStream(number + first_seed(config.seed))
        return mask_tokens(token_ids, config.mask_fraction, seeds).token_ids

    compiled = masked(tf.constant(tokens), tf.constant(2))
    np.testing.assert_array_equal(replay._masked(prepared_job, tokens, 2), compiled)


def test_on_the_command_line(prepared_job, tmp_path, capsys):
    path = tmp_path / "job.yaml"
    path.write_text(resolved_text(prepared_job))
    before = sorted(str(one) for one in pathlib.Path(prepared_job.workdir).rglob("*"))
    with cli.electra.make_context("electra", ["train", str(path), "--replay", "1"]) as context:
        cli.electra.invoke(context)
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == shown(prepared_job, "train", 1)[1]
    assert last.startswith('{"command": "train", "workdir": ') and '"replay": 1' in last
    assert sorted(str(one) for one in pathlib.Path(prepared_job.workdir).rglob("*")) == before


def test_before_there_is_a_dataset(tmp_path):
    job = toy_job(tmp_path)
    with pytest.raises(InputError, match="run `electra prepare` first|make it with"):
        shown(job, "train", 1)
