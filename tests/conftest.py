"""Two tests at a time share the cores: each of them, and what it starts, computes on one thread.

Most of the time that tests with models take is XLA's, compiling what then runs for a moment. So
where tests run side by side, as in `make test`, machine code is made without LLVM's optimisation:
the same program, compiled in half the time. `make test-slow` compiles as users do.

Names and order of tests must not depend on the time or the process, or the two would not agree on
what there is to do: what is packed for a parameter of a test is given a fixed time (`mtime=0`).
"""

import os

import electra_model  # noqa: F401  (it tells TensorFlow something, before any test imports that)

if "PYTEST_XDIST_WORKER" in os.environ:  # before TensorFlow is imported
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
