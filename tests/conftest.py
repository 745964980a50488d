"""Two tests at a time share the cores: each of them, and what it starts, computes on one thread.

Names and order of tests must not depend on the time or the process, or the two would not agree on
what there is to do: what is packed for a parameter of a test is given a fixed time (`mtime=0`).
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before TensorFlow is imported
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
