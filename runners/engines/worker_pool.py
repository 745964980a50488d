"""`python -m runners.engines.worker_pool`: Python workers beside each task manager of Flink.

The task manager asks for workers over the network (Beam's environment EXTERNAL); each is a process
of its own, in the environment that this program was started in, and gone when the program is gone.
Beam has such a program as well; its workers know nothing of the pipeline's options, so that they
would look for an object store where it usually is.
"""

from __future__ import annotations

import sys

import click

from ..terminal import logs
from ..terminal.progress import say


@click.command()
@click.option("--port", default=50000, show_default=True, help="Where task managers ask.")
@click.option("--threads", default=1, show_default=True, help="Of each worker's TensorFlow.")
def main(port: int, threads: int) -> None:
    """Serves until it is ended."""
    logs.quiet()
    from .pool_servicer import WorkerPool

    WorkerPool.threads = threads
    address, server = WorkerPool.start(use_process=True, port=port)
    say(f"workers are started here: {address}")
    server.wait_for_termination()


if __name__ == "__main__":
    sys.exit(main())
