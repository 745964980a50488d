import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from electra_model.errors import WorkError
from pipelines.memory import memory_files
from pipelines.memory.memory_files import DamagedError, KnownFile
from pipelines.translation.outcome import Outcome

OUTCOMES = {
    b"a" * 16: Outcome("Haus", -0.1234),
    b"a" * 15 + b"\0": Outcome("", None),
    b"\0" * 16: Outcome("schön 😀\\n", 0.0, ("repeats", "short"), ("short",)),
    b"\xff" * 16: Outcome("x" * 300, -1e-300, ("one",)),
}
KEYS = list(OUTCOMES)


def beginnings(keys):
    return np.array([int.from_bytes(key[:8], "big") for key in keys], np.uint64)


def written(folder, outcomes=None):
    table = memory_files.table_of(OUTCOMES if outcomes is None else outcomes)
    return str(folder / memory_files.write(str(folder), table))


def test_what_is_written_is_found(tmp_path):
    file = KnownFile.load(written(tmp_path))
    assert file.fetch(KEYS[::-1], beginnings(KEYS[::-1])) == OUTCOMES
    # Those that only begin like one which is there are not taken for it.
    others = [b"a" * 14 + b"xx", b"a" * 8 + b"\0" * 8, b"b" * 16]
    assert file.fetch(others, beginnings(others)) == {}
    assert file.has(beginnings([*KEYS, *others])).tolist() == [True] * 4 + [True, True, False]
    assert file.fetch([], beginnings([])) == {}


def test_rows_stand_in_the_order_in_which_they_came_and_are_read_by_groups(tmp_path):
    many = {n.to_bytes(16, "little"): Outcome(f"t{n}", n / 8) for n in range(5000)}
    path = written(tmp_path, many)
    assert pq.read_table(path).column("translation").to_pylist() == [f"t{n}" for n in range(5000)]
    file = KnownFile.load(path)
    assert file.ends.tolist() == [2048, 4096, 5000]
    some = list(many)[2040:4100:3]
    assert file.fetch(some, beginnings(some)) == {key: many[key] for key in some}


def test_a_byte_that_changed_never_gives_another_translation(tmp_path):
    path = pathlib.Path(written(tmp_path))
    good = path.read_bytes()
    damaged = 0
    for place in range(0, len(good), 5):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
        try:
            found = KnownFile.load(str(path)).fetch(KEYS, beginnings(KEYS))
        except DamagedError:
            damaged += 1
        else:
            assert found.items() <= OUTCOMES.items()
    assert damaged > len(good) / 5 / 2  # the others are about nothing that is read
    path.write_bytes(good)
    assert KnownFile.load(str(path)).fetch(KEYS, beginnings(KEYS)) == OUTCOMES


def test_a_row_that_was_changed_by_a_program_is_found_out(tmp_path):
    """No checksum of Parquet's would tell."""
    table = memory_files.table_of(OUTCOMES)
    changed = pa.array(["Hand", *table.column("translation").to_pylist()[1:]], pa.string())
    path = tmp_path / memory_files.write(
        str(tmp_path), table.set_column(1, table.field(1), changed)
    )
    file = KnownFile.load(str(path))
    with pytest.raises(DamagedError):
        file.fetch(KEYS[:1], beginnings(KEYS[:1]))


@pytest.mark.parametrize("what", ["empty", "half", "text", "other table", "no rows"])
def test_what_is_no_file_of_a_memory(tmp_path, what):
    path = pathlib.Path(written(tmp_path, {} if what == "no rows" else None))
    if what == "other table":
        pq.write_table(pa.table({"key": [b"a" * 16]}), path)
    elif what != "no rows":
        good = path.read_bytes()
        path.write_bytes({"empty": b"", "half": good[: len(good) // 2], "text": b"key\n"}[what])
    with pytest.raises(DamagedError):
        KnownFile.load(str(path))


def test_what_is_gone_is_told_from_what_is_damaged(tmp_path):
    path = written(tmp_path)
    file = KnownFile.load(path)
    os.unlink(path)
    with pytest.raises(FileNotFoundError):
        file.fetch(KEYS, beginnings(KEYS))
    with pytest.raises(FileNotFoundError):
        memory_files.read(path)
    memory_files.put_aside(path)  # no harm


def test_a_memory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match=r"file/m: the translation memory cannot be written: Not a"):
        memory_files.write(str(tmp_path / "file" / "m"), memory_files.table_of(OUTCOMES))


def test_listing(tmp_path):
    assert memory_files.sizes(str(tmp_path / "none")) == {}
    path = written(tmp_path)
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "folder.parquet").mkdir()
    assert memory_files.sizes(str(tmp_path)) == {os.path.basename(path): os.path.getsize(path)}
    assert memory_files.damaged(str(tmp_path)) == []
    memory_files.put_aside(path)
    assert memory_files.sizes(str(tmp_path)) == {}
    assert memory_files.damaged(str(tmp_path)) == [path + ".damaged"]
