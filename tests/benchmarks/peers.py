"""The environment of the tools we are compared with, apart from ours, from a lock of its own."""

import hashlib
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
LOCK = HERE / "peers.lock"


def peer_python(folder: pathlib.Path) -> str:
    """The peers' interpreter; their environment is made below `folder` when the lock changed."""
    environment = folder / "peers-venv"
    python = environment / "bin" / "python"
    stamp = environment / ".lock"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print("Installing the peers ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(LOCK)], check=True)
        stamp.write_text(wanted)
    return str(python)
