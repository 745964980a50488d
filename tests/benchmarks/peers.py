"""The environment of the tools we are compared with, apart from ours, from a lock of its own."""

import hashlib
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


def peer_python(folder: pathlib.Path, peers: str = "peers") -> str:
    """The interpreter of "peers" (who prepare data), "trainers" (PyTorch) or "translators"
    (CTranslate2); their environment is made below `folder` when the lock changed."""
    lock = HERE / f"{peers}.lock"
    environment = folder / f"{peers}-venv"
    python = environment / "bin" / "python"
    stamp = environment / ".lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"Installing the {peers} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(lock)], check=True)
        stamp.write_text(wanted)
    return str(python)
