import numpy as np
import pyarrow as pa
import pytest

from pipelines import records
from pipelines.splitting import repeated_sides
from pipelines.units import Parts
from tests.pipelines.small_jobs import make_config, run, sentences, write_tsv

PAIRS = [
    ("One house", "Ein Haus"),
    ("one HOUSE!", "Ein Haus"),
    ("one house 2", "Das Haus"),
    ("A tree", "Ein Haus"),
    ("A garden", "ein Haus"),
    ("A garden", "ein Haus"),
]


@pytest.mark.parametrize(
    "duplicate, looked_at, sources, targets",
    [
        ("pair", 5, 2, 2),  # case, digits and punctuation do not count in a source
        (False, 6, 3, 3),
    ],
)
def test_sides_that_repeat_one_before_are_counted(tmp_path, duplicate, looked_at, sources, targets):
    train = write_tsv(tmp_path / "train.tsv", PAIRS)
    config = make_config(
        tmp_path,
        train=[train],
        size=64,
        clean={"duplicate": duplicate, "leak": False},
        dataset={"valid_fraction": 0},
    )
    found = run(config)["duplicates"]
    assert found["rules"] == {
        "duplicate": duplicate or None, "leak": None, "near_duplicate": None, "overlap": None,
    }  # fmt: skip
    assert found["repeated"] == {
        "source": {"looked_at": looked_at, "repeated": sources},
        "target": {"looked_at": looked_at, "repeated": targets},
    }


def test_validation_test_and_monolingual_records_take_no_part(tmp_path):
    (tmp_path / "text.txt").write_text("the old house\nthe old tree\n")
    config = make_config(
        tmp_path,
        train=[write_tsv(tmp_path / "train.tsv", sentences(100))],
        test=[write_tsv(tmp_path / "test.tsv", sentences(20, seed=9))],
        monolingual={"en": [str(tmp_path / "text.txt")]},
        dataset={"valid_fraction": 0.2},
    )
    info = run(config)
    trained = info["splits"]["train"]["records"]
    assert 70 < trained < 90
    assert {side["looked_at"] for side in info["duplicates"]["repeated"].values()} == {trained}


def test_many_pairs_are_counted_by_a_sample_of_their_sides(tmp_path, monkeypatch):
    """The same pairs in many units: which are looked at depends on the side alone."""
    monkeypatch.setattr(repeated_sides, "MOST", 200)
    pairs = [(f"{source} again", target) for source, target in sentences(600)]
    pairs += [(f"{source} anew", target) for source, target in sentences(600)]
    train = write_tsv(tmp_path / "train.tsv", pairs)
    found = []
    for name, megabytes in (("one", 4.0), ("many", 0.03)):
        config = make_config(
            tmp_path, name, train=[train], dataset={"unit_megabytes": megabytes}
        )  # fmt: skip
        found.append(run(config)["duplicates"]["repeated"])
    assert found[0] == found[1]
    target = found[0]["target"]
    assert 130 < target["looked_at"] < 270
    # Half of the targets are repeated; those whose pair is split off for validation are not.
    assert abs(target["repeated"] / target["looked_at"] - 0.5) < 0.03


def test_a_bound_of_all_hashes_leaves_none_out(tmp_path):
    parts = Parts(str(tmp_path), "u", "f")
    places = np.array([0, 7, 2**64 - 1], np.uint64)
    columns = [[1, 2, 3], ["a", "b", "c"], ["x", "x", "z"], places, places]
    pairs = pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, records.KEPT, strict=True)],
        schema=records.KEPT,
    )
    found = []
    for bound in (1 << 64, 7):
        repeated_sides.add_part(parts, pairs, bound)
        table = records.open_table(str(tmp_path / f"u.{repeated_sides.PART}"))
        found.append([table.get_batch(side).column("hash").to_pylist() for side in (0, 1)])
    assert found[0][0] == [0, 7, 2**64 - 1] and found[1][0] == [0]
    assert len(found[0][1]) == 3 and found[0][1][0] == found[0][1][1] != found[0][1][2]
