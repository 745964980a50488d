"""What the tests of clouds and schedules need and nobody else: fetched once, into `work/cloud`.

`python -m tests.cloud.environments` prints the interpreter that runs them. It sees the project's
environment, and beside it what `cloud.lock` names.
"""

import hashlib
import pathlib
import subprocess
import sys
import sysconfig

HERE = pathlib.Path(__file__).parent
FOLDER = pathlib.Path("work/cloud")


def python(name: str, *, beside_ours: bool) -> str:
    """The interpreter with what `NAME.lock` names; made anew when that changed.

    Args:
      beside_ours: whether it sees the environment of this interpreter as well.
    """
    lock, place = HERE / f"{name}.lock", FOLDER.absolute() / f"{name}-venv"
    found, stamp = place / "bin" / "python", place / ".lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"Installing {lock.name} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(lock)], check=True)
        if beside_ours:
            (site,) = (place / "lib").glob("python*/site-packages")
            ours = sysconfig.get_paths()["purelib"]
            (site / "ours.pth").write_text(f"{ours}\n")
        stamp.write_text(wanted)
    return str(found)


if __name__ == "__main__":
    print(python("cloud", beside_ours=True))
