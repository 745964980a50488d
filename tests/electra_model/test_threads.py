import json
import os
import subprocess
import sys

import pytest

from electra_model.threads import processors

SCRIPT = """
import json, sys
import tensorflow as tf
from electra_model import threads

before = threads.lanes()
if sys.argv[1] == "late":
    tf.constant(1) + 1
threads.side_by_side(threads.processors())
threading = tf.config.threading
print(json.dumps([before, threads.lanes(), threading.get_intra_op_parallelism_threads()]))
"""


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.slow
def test_operations_keep_to_a_core_unless_tensorflow_runs_already(when):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, when], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == ([1, processors(), 1] if when == "early" else [1, 1, 0])


ALONE = """
import json, os
import tensorflow as tf
from electra_model import threads

threads.one_core_each()
print(json.dumps([threads.lanes(), tf.config.threading.get_intra_op_parallelism_threads()]))
"""


@pytest.mark.parametrize(
    ("said", "lanes"),
    [("3", 3), *(pytest.param(one, None, marks=pytest.mark.slow) for one in ("", "many"))],
)
def test_searches_run_side_by_side_each_on_one_core(said, lanes):
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": said},
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [lanes or processors(), 1]
