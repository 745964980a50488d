"""Environments apart from the project's own, each from a lock of its own."""

import hashlib
import pathlib
import subprocess
import sys
import sysconfig


def python(lock: pathlib.Path, environment: pathlib.Path, *, beside_ours: bool = False) -> str:
    """The interpreter with what a lock names; made anew when the lock changed.

    Args:
      environment: its folder. beside_ours: whether it sees what this interpreter has as well.
    """
    found, stamp = environment / "bin" / "python", environment / ".lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"Installing {lock.name} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(lock)], check=True)
        if beside_ours:
            (site,) = (environment / "lib").glob("python*/site-packages")
            (site / "ours.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
        stamp.write_text(wanted)
    return str(found)
