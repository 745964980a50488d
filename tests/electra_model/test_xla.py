import os
import subprocess
import sys

import pytest

COMPILES = """
import os, sys
import tensorflow as tf
from electra_model import xla

def sums(x):
    return tf.reduce_sum(tf.nn.relu(x), axis=0)

if sys.argv[1] == "ours":
    compiled = xla.compiled(sums)
else:
    compiled = tf.function(sums, jit_compile=True, autograph=False)
assert compiled(tf.ones([512, 768])).numpy().tolist() == [512.0] * 768
print(os.environ["XLA_FLAGS"])
"""


@pytest.mark.parametrize(
    "who, flag, found",
    [
        pytest.param("ours", "", False, id="ours"),
        pytest.param(*("tensorflow", "", True), id="tensorflow alone", marks=pytest.mark.slow),
        pytest.param(
            *("ours", "=LIBRARY_FUSION_TYPE_REDUCE", True),
            id="where the user wants it",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_sums_are_not_handed_to_the_library_whose_programs_are_built_without_a_lock(
    tmp_path, who, flag, found
):
    flags = "--xla_dump_to=dump --xla_dump_hlo_as_text"
    if flag:
        flags += f" --xla_cpu_experimental_ynn_fusion_type{flag}"
    done = subprocess.run(
        [sys.executable, "-c", COMPILES, who],
        cwd=tmp_path,
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == flags, "the variable is as it was"
    programs = [path.read_text() for path in (tmp_path / "dump").glob("*after_optimizations.txt")]
    assert programs and any("__ynn_fusion" in program for program in programs) == found
