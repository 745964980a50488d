"""`electra` as a user starts it, led to the servers of a test."""

import json
import os
import subprocess
import sys
import time

from tests.cloud import bucket


def start(variables, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "runners", *map(str, arguments)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def electra(variables, *arguments):
    """The last line of a command that is to succeed."""
    process = start(variables, *arguments)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def killed(variables, receipts, *arguments):
    """Starts a command and kills it as soon as a receipt lies in a folder of the bucket."""
    process = start(variables, *arguments)
    while not any(name.endswith(".json") for name in bucket.names(variables, receipts)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.kill()
    process.communicate()


def settings(**values):
    """Of keys whose dots are written as two underscores."""
    texts = (f"{name.replace('__', '.')}={json.dumps(value)}" for name, value in values.items())
    return [part for text in texts for part in ("--set", text)]
