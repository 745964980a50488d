import json
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


@pytest.mark.parametrize("when", [pytest.param("early", marks=pytest.mark.slow), "late"])
def test_operations_keep_to_a_core_unless_tensorflow_runs_already(when):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, when], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == ([1, processors(), 1] if when == "early" else [1, 1, 0])
