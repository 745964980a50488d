"""Windows with replaced tokens: right, the same everywhere, and refused where they cannot be."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from electra_model import features
from electra_model.errors import InputError, WorkError
from electra_model.tokenizer import FIRST_PIECE_ID
from pipelines import files, prepare
from pipelines.dataset import replacement
from runners.engines import engines
from tests.pipelines.small_generators import write_generator
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_records,
    run,
    sentences,
    tree,
    write_tsv,
)

LENGTH = 16
DATASET = {"window_length": LENGTH, "records_per_shard": 150, "valid_fraction": 0}


def config_of(tmp_path, name="work", **replacements):
    settings = {**DATASET, "replacements": replacements} if replacements else DATASET
    return make_config(tmp_path, name, train=[str(tmp_path / "train.tsv")], dataset=settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Text, the dataset of a job without replacements, and a generator for its vocabulary."""
    folder = tmp_path_factory.mktemp("replacement")
    write_tsv(folder / "train.tsv", sentences(300))
    info = run(config_of(folder, "plain"))
    write_generator(folder / "earlier", info["vocabulary_fingerprint"], info["vocabulary_size"])
    return folder


@pytest.fixture(scope="module")
def made(folder):
    """A job with replacements: two copies of the shards of windows."""
    config = config_of(folder, generator=str(folder / "earlier"), temperature=[3.0, 1.0], copies=2)
    run(config)
    return config


def read_replaced(config, shard):
    """[(token ids, segment ids, replaced ids)] of one file."""
    import tensorflow as tf

    path = f"{config.workdir}/dataset/{shard['file']}"
    packed = "GZIP" if path.endswith(".gz") else ""
    records = list(tf.data.TFRecordDataset(path, packed).as_numpy_iterator())
    parsed = features.parse_examples(tf.constant(records, tf.string), features.REPLACED)
    return list(zip(*(parsed[name].to_list() for name in features.REPLACED), strict=True))


def test_every_copy_holds_every_window_as_it_was(made, folder):
    described = read_info(made)["replacements"]
    windows = read_records(made, "pretrain", features.WINDOW)
    count = len(read_info(made)["splits"]["pretrain"]["shards"])
    assert count > 1 and len(described["shards"]) == 2 * count
    assert described["records"] == 2 * len(windows)
    for copy in (0, 1):
        shards = [shard for shard in described["shards"] if shard["copy"] == copy]
        rows = [row for shard in shards for row in read_replaced(made, shard)]
        assert [row[:2] for row in rows] == windows
        assert all(len(row[0]) == len(row[2]) for row in rows)
    plain = tree(config_of(folder, "plain"))
    same = {name: digest for name, digest in tree(made).items() if "replaced-" not in name}
    del plain["dataset/dataset_info.json"], same["dataset/dataset_info.json"]
    assert same == plain


def test_as_many_are_hidden_as_masking_says_and_only_ordinary_tokens_change(made):
    described = read_info(made)["replacements"]
    rows = [row for shard in described["shards"] for row in read_replaced(made, shard)]
    tokens, replaced = (np.concatenate([row[k] for row in rows]) for k in (0, 2))
    changed = tokens != replaced
    assert described["tokens"]["text"] == len(tokens)
    assert described["tokens"]["replaced"] == changed.sum()
    # 15 % of a window of 16 are 2 tokens; a short or broken one gives fewer, at least one.
    ordinary = [sum(token >= FIRST_PIECE_ID for token in row[0]) for row in rows]
    assert described["tokens"]["hidden"] == sum(1 if count < 10 else 2 for count in ordinary)
    assert 0.5 < changed.sum() / described["tokens"]["hidden"] < 1.0, "some are drawn as themselves"
    assert tokens[changed].min() >= FIRST_PIECE_ID
    assert replaced.max() < read_info(made)["vocabulary_size"]


def test_copies_have_other_tokens_hidden(made):
    shards = read_info(made)["replacements"]["shards"]
    half = len(shards) // 2
    first, second = read_replaced(made, shards[0]), read_replaced(made, shards[half])
    places = [
        np.concatenate([np.not_equal(row[0], row[2]) for row in rows]) for rows in (first, second)
    ]
    both = (places[0] & places[1]).sum()
    assert both < 0.4 * min(place.sum() for place in places)


def test_the_temperature_falls_from_file_to_file(made):
    temperatures = [shard["temperature"] for shard in read_info(made)["replacements"]["shards"]]
    assert temperatures[0] == 3.0 and temperatures[-1] == 1.0
    assert temperatures == sorted(set(temperatures), reverse=True)


@pytest.mark.parametrize(
    "count, expected",
    [(1, [1.0]), (2, [2.5, 1.0]), (4, [2.5, 2.0, 1.5, 1.0])],
)
def test_temperatures(count, expected):
    found = [replacement.temperature_of(number, count, (2.5, 1.0)) for number in range(count)]
    assert found == expected


@pytest.mark.slow  # each of them loads TensorFlow; `test_prepare` has two without it
def test_one_process_and_two_give_the_same_bytes(made):
    two = engines.RunnerConfig(workers=2)
    other = dataclasses.replace(made, workdir=made.workdir + "-two")
    run(other, engines.pipeline_runner(two), engines.pipeline_options(two))
    assert tree(other) == tree(made)
    assert len([name for name in tree(other) if "replaced-" in name]) > 2


SCRIPT = """
import dataclasses, pathlib
from tests.pipelines import small_jobs, test_replacement
folder = pathlib.Path({folder!r})
small_jobs.run(test_replacement.config_of(
    folder, "killed", generator=str(folder / "earlier"), temperature=[3.0, 1.0], copies=2))
"""


@pytest.mark.slow  # `test_prepare_failures` has kills, and the next test has what they leave
def test_killed_in_the_middle_and_run_again(made, folder):
    config = dataclasses.replace(made, workdir=str(folder / "killed"))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(folder=str(folder))],
        cwd=os.getcwd(), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    receipts = pathlib.Path(config.workdir, "prepare", "replacement")
    deadline = time.monotonic() + 120
    while not list(receipts.glob("*.receipt.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in receipts.glob("*.receipt.json")}
    planned = len(read_info(made)["replacements"]["shards"])
    assert 0 < len(kept) < planned, "killed too late to show anything"
    assert not os.path.exists(f"{config.workdir}/dataset/dataset_info.json")
    run(config)
    assert tree(config) == tree(made)
    assert all(path.stat().st_mtime_ns == time_before for path, time_before in kept.items())


def test_a_lost_file_is_made_again_and_nothing_else(made):
    before = tree(made)
    lost = read_info(made)["replacements"]["shards"][1]["file"]
    kept = f"{made.workdir}/dataset/{read_info(made)['replacements']['shards'][0]['file']}"
    time_before = os.stat(kept).st_mtime_ns
    os.unlink(f"{made.workdir}/dataset/{lost}")
    run(made)
    assert tree(made) == before and os.stat(kept).st_mtime_ns == time_before


def test_switched_off_again_the_files_go(folder):
    on = config_of(folder, "switched", generator=str(folder / "earlier"), copies=1)
    run(on)
    assert any("replaced-" in name for name in tree(on))
    off = config_of(folder, "switched")
    assert "replacements" not in run(off)
    assert not any("replaced-" in name for name in tree(off))


def test_compressed_files_hold_the_same(made, folder):
    gzip = dataclasses.replace(
        made,
        workdir=made.workdir + "-gzip",
        dataset=dataclasses.replace(made.dataset, compression="gzip"),
    )
    run(gzip)
    plain, packed = (read_info(config)["replacements"]["shards"] for config in (made, gzip))
    assert packed[0]["file"].endswith(".tfrecord.gz")
    assert read_replaced(gzip, packed[-1]) == read_replaced(made, plain[-1])


def test_another_vocabulary_is_refused(folder):
    info = read_info(config_of(folder, "plain"))
    write_generator(folder / "foreign", "feedfeedfeedfeed", info["vocabulary_size"])
    config = config_of(folder, "refused", generator=str(folder / "foreign"))
    with pytest.raises(InputError) as raised:
        run(config)
    message = str(raised.value)
    assert message.startswith("dataset.replacements.generator: ")
    assert "another vocabulary (feedfeedfeedfeed)" in message
    assert info["vocabulary_fingerprint"] in message
    assert not os.path.exists(f"{config.workdir}/dataset/dataset_info.json")


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda place: shutil.rmtree(place / "pretrain"), r"neither .* holds a generator\.json"),
        (
            lambda place: (place / "pretrain" / "generator.json").write_text("{"),
            r"generator\.json is damaged",
        ),
        (
            lambda place: shutil.rmtree(place / "pretrain" / "checkpoints"),
            r"step-000000003\.npz is not there",
        ),
    ],
)
def test_a_generator_that_is_not_whole_is_refused_before_any_work(
    folder, tmp_path, damage, message
):
    shutil.copytree(folder / "earlier", tmp_path / "earlier")
    damage(tmp_path / "earlier")
    config = config_of(folder, "whole", generator=str(tmp_path / "earlier"))
    with pytest.raises(InputError, match=rf"dataset\.replacements\.generator: .*{message}"):
        prepare.plan_prepare(config)


def test_windows_longer_than_the_generator_takes_are_refused(folder):
    info = read_info(config_of(folder, "plain"))
    short = write_generator(
        folder / "short", info["vocabulary_fingerprint"], info["vocabulary_size"], max_length=8
    )
    config = config_of(folder, "long", generator=short)
    with pytest.raises(InputError, match="takes 8 tokens .* dataset.window_length is 16"):
        prepare.plan_prepare(config)


def test_a_job_cannot_be_its_own_generator(folder, tmp_path):
    shutil.copytree(folder / "earlier", tmp_path / "own")
    os.symlink(tmp_path / "own", tmp_path / "other-name")
    config = config_of(folder, generator=str(tmp_path / "other-name"))
    config = dataclasses.replace(config, workdir=str(tmp_path / "own"))
    with pytest.raises(InputError, match="is this job's own work folder"):
        prepare.plan_prepare(config)


def test_a_checkpoint_changed_since_is_refused(folder, tmp_path):
    shutil.copytree(folder / "earlier", tmp_path / "earlier")
    path = tmp_path / "earlier" / "pretrain" / "checkpoints" / "step-000000003.npz"
    path.write_bytes(path.read_bytes()[:-1])
    config = config_of(folder, "changed", generator=str(tmp_path / "earlier"), copies=1)
    with pytest.raises(InputError, match=r"is not the checkpoint that generator\.json describes"):
        run(config)


def test_another_generator_makes_other_files(made, folder):
    info = read_info(made)
    other = write_generator(
        folder / "other", info["vocabulary_fingerprint"], info["vocabulary_size"], seed=2
    )
    settings = dataclasses.replace(made.dataset.replacements, generator=other)
    config = dataclasses.replace(
        made,
        workdir=made.workdir + "-moved",
        dataset=dataclasses.replace(made.dataset, replacements=settings),
    )
    shutil.copytree(made.workdir, config.workdir)
    plan = prepare.plan_prepare(config)
    assert prepare.completed(config, plan) is None
    run(config)
    pairs = zip(
        read_info(config)["replacements"]["shards"], info["replacements"]["shards"], strict=True
    )
    assert all(one["sha256"] != two["sha256"] for one, two in pairs)


def test_a_generator_at_another_place_costs_nothing(made, folder):
    """The receipts speak of the generator's content, not of its path."""
    shutil.copytree(folder / "earlier", folder / "elsewhere")
    settings = dataclasses.replace(
        made.dataset.replacements, generator=str(folder / "elsewhere" / "pretrain")
    )
    config = dataclasses.replace(
        made,
        workdir=made.workdir + "-elsewhere",
        dataset=dataclasses.replace(made.dataset, replacements=settings),
    )
    shutil.copytree(made.workdir, config.workdir)
    receipt = f"{config.workdir}/prepare/replacement/replaced-00000.receipt.json"
    before = os.stat(receipt).st_mtime_ns
    run(config)
    assert os.stat(receipt).st_mtime_ns == before


@pytest.mark.slow
def test_windows_that_were_tampered_with_are_noticed(folder):
    config = config_of(folder, "tampered", generator=str(folder / "earlier"), copies=1)
    run(config)
    shard = read_info(config)["splits"]["pretrain"]["shards"][0]["file"]
    path = pathlib.Path(config.workdir, "dataset", shard)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    for name in files.expand([f"{config.workdir}/dataset/replaced-*"], "x"):
        os.unlink(name)
    with pytest.raises(WorkError, match=rf"{shard}: was changed after it was written"):
        run(config)


def test_the_card_of_what_was_used_is_kept(made, folder):
    card = json.loads((folder / "earlier" / "pretrain" / "generator.json").read_text())
    assert read_info(made)["replacements"]["generator"] == {"sha256": card["sha256"], "step": 3}


@pytest.mark.parametrize("place", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)])
def test_each_batch_has_a_seed_of_its_own(place):
    assert replacement.batch_seed(0, 0, 0, 0) == replacement.batch_seed(0, 0, 0, 0) < 1 << 32
    assert replacement.batch_seed(*place) != replacement.batch_seed(0, 0, 0, 0)
