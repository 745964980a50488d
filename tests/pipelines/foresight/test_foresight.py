"""What is foretold of preparing is what then is done: receipts written anew are counted."""

import dataclasses
import glob
import os
import random
import shutil
import time

import pytest

from pipelines import prepare
from pipelines.foresight import foresight
from tests.pipelines.small_jobs import make_config, run, sentences, write_tsv

NEAR = ["signatures", "bands", "near"]
STAGES = ["clean", "dedup", "split", "words", "vocabulary", "pieces", "encode", "shards", "publish"]

# Two files of pairs, documents and test data: five units.
DATA = {
    "train": ("a.tsv", "b.tsv"),
    "test": ("test.tsv",),
    "monolingual": {"en": ("docs.txt",)},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with the inputs and a work folder that is complete."""
    place = tmp_path_factory.mktemp("prepared")
    pairs = [
        (f"{s} {a}", f"{t} {b}") for (s, t), a, b in zip(sentences(640), *names(640), strict=True)
    ]
    write_tsv(place / "a.tsv", pairs[:400])
    write_tsv(place / "b.tsv", pairs[400:600])
    write_tsv(place / "test.tsv", pairs[600:620])
    write_tsv(place / "other.tsv", pairs[620:])
    texts = [f"{source} {target}\n" for source, target in sentences(200, seed=1)]
    (place / "docs.txt").write_text("".join(texts))
    here = os.getcwd()
    os.chdir(place)
    try:
        run(job())
    finally:
        os.chdir(here)
    return place


@pytest.fixture
def place(prepared, tmp_path, monkeypatch):
    """A copy of that folder, in which the test is; times of change are kept."""
    copy = tmp_path / "copy"
    shutil.copytree(prepared, copy, copy_function=shutil.copy2)
    monkeypatch.chdir(copy)
    return copy


def names(count):
    """Two lists of words that no vocabulary of this size has whole."""
    draw = random.Random(5)
    syllables = [first + second for first in "bdfgklmnprstvw" for second in "aeiou"]
    made = ["".join(draw.choices(syllables, k=3)) for _ in range(2 * count)]
    return made[:count], made[count:]


def job(*, clean=None, vocabulary=None, dataset=None, data=None):
    config = make_config(
        DotPath(),
        clean={"max_rejected_fraction": 1.0, **(clean or {})},
        dataset={"unit_megabytes": 0.02, "valid_fraction": 0.05, **(dataset or {})},
        **{**DATA, **(data or {})},
    )
    vocabulary = dataclasses.replace(config.vocabulary, **(vocabulary or {}))
    return dataclasses.replace(config, vocabulary=vocabulary)


class DotPath:
    """The folder in which the test is, as `make_config` puts names below a folder."""

    def __truediv__(self, name):
        return name


def receipts(workdir="work"):
    """Stage -> {receipt: inode}."""
    found = {}
    for path in glob.glob(f"{workdir}/prepare/*/*.receipt.json"):
        status = os.stat(path)
        found.setdefault(path.split("/")[-2], {})[path] = (status.st_ino, status.st_mtime_ns)
    return found


def outlook(config):
    return foresight.foresee(config, prepare.plan_prepare(config))


def check(config):
    """Foretells, prepares, and compares. Returns what was foretold: stage -> (todo, total, why)."""
    before_files = {
        path: os.stat(path).st_mtime_ns for path in glob.glob("work/*/**", recursive=True)
    }
    foretold = outlook(config)
    after_files = {path: os.stat(path).st_mtime_ns for path in before_files}
    assert after_files == before_files  # it was only looked at
    before = receipts()
    run(config)
    after = receipts()
    for one in foretold:
        if one.stage == foresight.PUBLISH:
            continue
        now, then = after.get(one.stage, {}), before.get(one.stage, {})
        done = sum(then.get(path) != stamp for path, stamp in now.items())
        if one.todo is None:
            assert one.total is None and (done > 0 or not one.sure), one
        else:
            assert (one.todo, one.total) == (done, len(now)), one
    idle = outlook(config)
    assert [one.todo for one in idle] == [0] * len(idle)
    return {one.stage: (one.todo, one.total, one.why) for one in foretold}


def todo(found):
    return {stage: facts[0] for stage, facts in found.items()}


def test_of_a_first_run(place):
    shutil.rmtree("work")
    found = check(job())
    assert list(found) == STAGES
    units = found["clean"][1]
    assert units >= 5 and found["clean"] == (units, units, "not done yet")
    assert found["dedup"] == found["shards"] == (None, None, "not done yet")
    assert found["publish"] == (1, 1, "not done yet")


def test_of_a_complete_one(place):
    found = check(job())
    assert set(todo(found).values()) == {0}
    assert {why for _, _, why in found.values()} == {""}


# Rule -> another value.
RULES = {
    "empty": False,
    "broken_encoding": False,
    "control_characters": False,
    "min_letters_share": 0.2,
    "min_script_share": 0.1,
    "min_characters": 2,
    "max_characters": 1000,
    "max_words": 100,
    "max_word_length": 50,
    "max_length_ratio": 5.0,
    "max_markup_share": 0.9,
    "max_url_share": 0.9,
    "max_repetition": 20,
    "placeholder_mismatch": False,
    "number_mismatch": True,
    "identical": False,
    "mend": True,
    "duplicate": "source",
}
ONLY_PAIRS = {
    "min_characters", "max_characters", "max_words", "max_word_length", "max_length_ratio",
    "placeholder_mismatch", "number_mismatch", "identical",
}  # fmt: skip


OFTEN = {"empty", "max_length_ratio", "mend", "duplicate"}


@pytest.mark.parametrize(
    "rule",
    [rule if rule in OFTEN else pytest.param(rule, marks=pytest.mark.slow) for rule in RULES],
)
def test_of_rules_of_the_first_stage(place, rule):
    found = check(job(clean={rule: RULES[rule]}))
    number, total, why = found["clean"]
    assert 0 < number <= total and why.startswith(f"clean.{rule} ")
    if rule in ONLY_PAIRS:
        assert number == total - 2  # not of the test data and of the documents
    stage = "dedup" if rule == "duplicate" else "clean"  # of which it is a rule as well
    assert found["vocabulary"] == (None, None, f"if the result of {stage} changes")


def test_a_rule_that_lets_the_same_through_costs_one_stage(place):
    before = receipts()
    check(job(clean={"max_length_ratio": 5.0}))
    after = receipts()
    assert [stage for stage in after if after[stage] != before[stage]] == ["clean"]


def test_a_bound_on_validation_records_that_does_not_bind_costs_one_stage(place):
    before = receipts()
    check(job(dataset={"valid_max_records": 1000}))
    after = receipts()
    assert [stage for stage in after if after[stage] != before[stage]] == ["dedup"]
    check(job(dataset={"valid_max_records": 5}))
    assert all(receipts()["split"][path] != stamp for path, stamp in after["split"].items())


@pytest.mark.slow
def test_of_rules_of_later_stages(place):
    found = check(job(clean={"leak": False}))
    assert found["clean"][0] == 0
    assert found["dedup"] == (1, 1, "clean.leak on -> off")
    assert found["split"] == (None, None, "if the result of dedup changes")
    found = check(job(clean={"leak": False, "overlap": 0.9}))
    assert (found["clean"][0], found["dedup"][0]) == (0, 0)
    assert found["held_out"] == (3, 3, "not done yet")
    found = check(job(clean={"leak": False, "overlap": 0.9, "near_duplicate": 0.8}))
    # All groups are listed where near copies will be dropped of them before data are split off.
    assert found["dedup"] == (1, 1, "clean.near_duplicate off -> 0.8")
    assert [found[name] for name in NEAR] == [(None, None, "not done yet")] * 3
    found = check(job(clean={"leak": False, "overlap": 0.9, "near_duplicate": 0.7}))
    assert todo(found)["dedup"] == 0
    # Without `leak`, not of the test data.
    assert found["signatures"] == (4, 4, "clean.near_duplicate 0.8 -> 0.7")
    most = {"valid_max_records": 5}
    found = check(job(clean={"leak": False, "overlap": 0.9, "near_duplicate": 0.7}, dataset=most))
    assert todo(found)["bands"] == 0
    assert found["near"] == (1, 1, "dataset.valid_max_records 2000 -> 5")
    found = check(job(clean={"leak": False, "near_duplicate": 0.7}, dataset=most))
    assert todo(found)["near"] == 0 and todo(found)["split"] == 3
    assert "held_out" not in found


@pytest.mark.parametrize(
    ("changed", "stage", "why"),
    [
        ({"dataset": {"max_tokens": 64}}, "encode", "dataset.max_tokens 128 -> 64"),
        ({"dataset": {"window_length": 64}}, "encode", "dataset.window_length 128 -> 64"),
        ({"dataset": {"seed": 2}}, "encode", "dataset.seed 1 -> 2"),
        ({"dataset": {"pair_windows": True}}, "encode", "dataset.pair_windows off -> on"),
        ({"dataset": {"provenance": True}}, "encode", "dataset.provenance off -> on"),
        ({"dataset": {"records_per_shard": 100}}, "encode",
         "dataset.records_per_shard 50000 -> 100"),
        ({"dataset": {"compression": "gzip"}}, "shards", 'dataset.compression "none" -> "gzip"'),
        ({"dataset": {"pack_pairs": True}}, "shards", "dataset.pack_pairs off -> on"),
        ({"dataset": {"length_buckets": ()}}, "shards", "dataset.length_buckets none -> []"),
        ({"dataset": {"valid_fraction": 0.1}}, "split", "dataset.valid_fraction 0.05 -> 0.1"),
        ({"vocabulary": {"max_words": 1000}}, "words", "vocabulary.max_words none -> 1000"),
        ({"vocabulary": {"size": 100}}, "vocabulary", "vocabulary.size 120 -> 100"),
        ({"vocabulary": {"character_coverage": 0.99}}, "vocabulary",
         "vocabulary.character_coverage 1.0 -> 0.99"),
        ({"vocabulary": {"sides": "separate"}, "data": {"monolingual": {}}}, "clean",
         "docs.txt gone"),
    ],
)  # fmt: skip
def test_of_other_keys(place, changed, stage, why):
    found = check(job(**changed))
    assert found[stage][2] == why
    names = list(found)
    for name in names[: names.index(stage)]:
        assert found[name][0] == 0, name


@pytest.mark.slow
def test_a_smaller_vocabulary_surely_changes_what_follows(place):
    found = check(job(vocabulary={"size": 100}))
    assert [found[name][2] for name in ("pieces", "encode", "shards")] == [
        "since the vocabulary changes"
    ] * 3
    assert todo(found)["pieces"] == 4 and todo(found)["words"] == 0
    found = check(job(vocabulary={"size": 101}))
    assert found["pieces"] == (None, None, "if the result of vocabulary changes")
    found = check(job(vocabulary={"size": 101, "kind": "wordpiece"}, dataset={"seed": 2}))
    assert found["pieces"][2] == "since the vocabulary changes"
    assert found["encode"] == (None, None, "dataset.seed 1 -> 2")
    assert found["shards"] == (None, None, "if the result of encode changes")


def test_a_touched_file_costs_its_own_units_alone(place):
    os.utime("b.tsv")
    before = receipts()
    found = check(job())
    assert found["clean"] == (1, 5, "b.tsv changed")
    assert found["dedup"] == (None, None, "if the result of clean changes")
    after = receipts()
    assert [stage for stage in after if after[stage] != before[stage]] == ["clean"]


def test_a_changed_file(place):
    with open("a.tsv", "a") as stream:
        stream.write("a new sentence\tein neuer Satz\n")
    found = check(job())
    assert found["clean"][2] == "a.tsv changed" and 0 < found["clean"][0] < found["clean"][1]


def test_a_file_that_grows_by_a_unit_leaves_others_alone(place):
    with open("a.tsv", "a") as stream:
        stream.writelines(f"{source}\t{target}\n" for source, target in sentences(600, seed=3))
    found = check(job())
    units_of_others = 3
    assert found["clean"][0] == found["clean"][1] - units_of_others


@pytest.mark.slow
def test_files_that_come_and_go(place):
    found = check(job(data={"train": ("a.tsv", "b.tsv", "other.tsv")}))
    assert "other.tsv new" in found["clean"][2] and 0 < found["clean"][0] < found["clean"][1]
    found = check(job(data={"train": ("a.tsv",)}))
    assert found["clean"][2].startswith("b.tsv gone, other.tsv gone")
    found = check(job(data={"train": ("a.tsv",), "monolingual": {}}))
    assert found["clean"][0] == 0 and found["clean"][2] == "docs.txt gone"
    assert found["dedup"] == (1, 1, "since its input or the program changed")


@pytest.mark.slow
def test_named_validation_data(place):
    found = check(job(data={"valid": ("other.tsv",)}))
    assert "other.tsv new" in found["clean"][2]
    assert found["dedup"] == (None, None, 'data.valid [] -> ["other.tsv"]')
    write_tsv(place / "other.tsv", sentences(30, seed=9))
    found = check(job(data={"valid": ("other.tsv",)}))
    assert found["clean"] == (1, 6, "other.tsv changed")


def test_what_only_decides_whether_the_work_goes_on(place):
    found = check(job(clean={"max_rejected_fraction": 0.5}))
    assert {stage for stage, number in todo(found).items() if number != 0} == {"publish"}
    assert found["publish"][2] == "clean.max_rejected_fraction 1.0 -> 0.5"


def test_a_shard_that_was_removed(place):
    os.unlink(glob.glob("work/dataset/train-*")[0])
    found = check(job())
    assert found["shards"][::2] == (1, "since files that it has written are gone")
    assert glob.glob("work/dataset/train-*")


def test_of_a_run_that_was_stopped(place):
    """A kill leaves units without their receipts, and stages behind them that were not begun."""
    for path in glob.glob("work/prepare/split/*.receipt.json")[:2]:
        os.unlink(path)
    os.unlink("work/prepare/split.index.json")
    for stage in STAGES[3:-1]:
        shutil.rmtree(f"work/prepare/{stage}")
        os.unlink(f"work/prepare/{stage}.plan.json")
        os.unlink(f"work/prepare/{stage}.index.json")
    os.unlink("work/prepare/complete.json")
    found = check(job())
    assert found["split"] == (2, 5, "left by a run that was stopped")
    assert found["words"] == (None, None, "not done yet")


def test_two_causes_at_once(place):
    time.sleep(0.01)
    os.utime("a.tsv")
    found = check(job(vocabulary={"size": 100}, dataset={"compression": "gzip"}))
    assert found["clean"][2] == "a.tsv changed"
    assert found["words"] == (None, None, "if the result of clean changes")
    assert found["vocabulary"] == (None, None, "vocabulary.size 120 -> 100")
    assert found["shards"] == (None, None, 'dataset.compression "none" -> "gzip"')


def test_of_a_work_folder_from_before_settings_were_kept(place):
    for path in glob.glob("work/prepare/*.plan.json"):
        with open(path, "w") as stream:
            stream.write('{"tasks": []}')
    found = check(job(dataset={"seed": 2}))
    assert found["encode"][2] == "since its input or the program changed"


def test_other_windows_leave_the_shards_of_pairs_alone(place):
    before = receipts()["shards"]
    found = check(job(dataset={"window_length": 64}))
    assert found["shards"] == (None, None, "dataset.window_length 128 -> 64")
    after = receipts()["shards"]
    changed = [os.path.basename(path) for path in after if after[path] != before[path]]
    assert changed == ["pretrain-00000.receipt.json"] and len(after) == 4


def test_what_prepare_would_refuse_is_said_before(place):
    config = job(clean={"min_characters": 60, "max_rejected_fraction": 0.01})
    with pytest.raises(Exception, match="clean.max_rejected_fraction"):
        run(config)
    found = {one.stage: one for one in outlook(config)}
    assert (found["split"].todo, found["words"].todo) == (0, None)
    assert found["words"].why.startswith("cannot be done: ")
    assert "clean.max_rejected_fraction" in found["words"].why
    assert found["pieces"].why == "if the result of words changes"
