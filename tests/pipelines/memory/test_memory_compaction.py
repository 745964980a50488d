import contextlib
import os
import threading
import time

import pytest

from pipelines.memory import memory_compaction, memory_files
from pipelines.memory.memory_compaction import compact
from pipelines.translation.outcome import Outcome


def key(number):
    return number.to_bytes(16, "big")


def write(folder, numbers):
    outcomes = {key(n): Outcome(f"t{n}", n / 4) for n in numbers}
    return memory_files.write(str(folder), memory_files.table_of(outcomes))


def held(folder):
    """The numbers of all rows of all files, sorted."""
    tables = [memory_files.read(str(folder / name)) for name in memory_files.sizes(str(folder))]
    rows = [row for table in tables for row in table.to_pylist()]
    assert all(row["translation"] == f"t{int.from_bytes(row['key'], 'big')}" for row in rows)
    return sorted(int.from_bytes(row["key"], "big") for row in rows)


def test_small_files_become_one_and_rows_that_stand_twice_one(tmp_path):
    write(tmp_path, range(10))
    write(tmp_path, range(5, 15))
    write(tmp_path, [3])
    compact(str(tmp_path))
    (name,) = memory_files.sizes(str(tmp_path))
    assert held(tmp_path) == [*range(15)]
    compact(str(tmp_path))
    assert [*memory_files.sizes(str(tmp_path))] == [name]  # one file is left as it is
    compact(str(tmp_path / "none"))


def test_large_files_stay(tmp_path, monkeypatch):
    large = write(tmp_path, range(5000))
    monkeypatch.setattr(memory_compaction, "FULL_BYTES", memory_files.sizes(str(tmp_path))[large])
    for start in range(5000, 5040, 10):
        write(tmp_path, range(start, start + 10))
    compact(str(tmp_path))
    assert large in memory_files.sizes(str(tmp_path)) and len(os.listdir(tmp_path)) == 2
    assert held(tmp_path) == [*range(5040)]


def test_a_damaged_file_is_put_aside_and_the_others_are_kept(tmp_path):
    bad = write(tmp_path, range(10))
    write(tmp_path, range(10, 20))
    write(tmp_path, range(20, 30))
    (tmp_path / bad).write_bytes(b"PAR1 no more PAR1")
    compact(str(tmp_path))
    assert memory_files.damaged(str(tmp_path)) == [f"{tmp_path}/{bad}.damaged"]
    assert held(tmp_path) == [*range(10, 30)]


class Killed(BaseException):
    pass


def test_ended_at_any_step_it_loses_nothing(tmp_path, monkeypatch):
    originals = {name: getattr(os, name) for name in ("replace", "unlink", "fsync")}
    number = 0
    while True:
        folder = tmp_path / str(number)
        for start in range(0, 40, 10):
            write(folder, range(start, start + 10))
        steps = [0]

        def counted(original, steps=steps, last=number):
            def call(*arguments, **settings):
                steps[0] += 1
                if steps[0] > last:
                    raise Killed
                return original(*arguments, **settings)

            return call

        for name, original in originals.items():
            monkeypatch.setattr(os, name, counted(original))
        with contextlib.suppress(Killed):
            compact(str(folder))
        for name, original in originals.items():
            monkeypatch.setattr(os, name, original)
        assert set(held(folder)) == {*range(40)}
        if steps[0] <= number:
            break
        number += 1
    assert number == 7  # the file, its rename, the folder, and four removals


@pytest.mark.parametrize("locks", [True, False])
def test_many_at_once_lose_nothing(tmp_path, monkeypatch, locks):
    if not locks:  # as on an object store

        @contextlib.contextmanager
        def unlocked(folder):
            yield True

        monkeypatch.setattr(memory_compaction, "_alone", unlocked)
    over = threading.Event()
    failures = []

    def again_and_again():
        try:
            while not over.is_set():
                compact(str(tmp_path))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=again_and_again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 400, 5):
        write(tmp_path, range(start, start + 5))
        time.sleep(0.002)
    over.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert set(held(tmp_path)) == {*range(400)}
    compact(str(tmp_path))
    assert held(tmp_path) == [*range(400)]


def test_what_a_kill_left_half_written_goes_when_it_is_old(tmp_path):
    old, new = tmp_path / "a.parquet.tmp-7-0123abcd", tmp_path / "b.parquet.tmp-8-0123abcd"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    compact(str(tmp_path))
    assert os.listdir(tmp_path) == [new.name]
