import sys

import pytest

from tests.benchmarks.document_sizes import row
from tests.benchmarks.measuring import Measured, run

# Holds 64 MB, and a process of its own that holds as much.
TWO_PROCESSES = """
import subprocess, sys, time
held = bytearray(64 << 20)
held[::4096] = b"x" * (len(held) // 4096)
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "second"], check=True)
    print("first")
    print("last")
else:
    time.sleep(2)
"""


def test_memory_of_the_largest_and_of_all_but_not_of_the_one_that_measures(tmp_path):
    ours = bytearray(b"x") * (256 << 20)
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    found = run([sys.executable, str(script)])
    assert found.output == "last"
    assert 2 <= found.seconds < 20
    assert 64e6 < found.largest < 110e6
    assert 128e6 < found.together < 220e6
    assert len(ours) == 256 << 20


def test_a_command_that_fails_ends_the_benchmark():
    with pytest.raises(SystemExit, match="no such thing"):
        run([sys.executable, "-c", "raise ValueError('no such thing')"])


def test_the_price_of_a_megabyte_is_what_is_beyond_the_start():
    rounds = [Measured(seconds, "", 10**8, 3 * 10**8) for seconds in (24.0, 30.0, 26.0)]
    found = row(101.0, rounds, 2.0, (20.0, 100.0))
    assert found == "| 101 | 26.0 | 24.0 to 30.0 | 2.0 | 3.88 | 200 | 100 | 300 |"
    assert row(1.0, rounds, 2.0, (0.0, 0.0)).split(" | ")[5] == "-"
