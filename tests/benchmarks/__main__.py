"""`make bench`: runs every comparison and writes RESULTS.md. Only ratios within one run mean
anything."""

import pathlib
import platform
import sys
from importlib.metadata import version

from . import document_speed, near_duplicates, prepare_speed

HERE = pathlib.Path(__file__).parent


def main() -> None:
    """Measures into `work/bench` and writes the tables."""
    folder = pathlib.Path("work/bench").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    names = ("apache-beam", "tensorflow", "tensorflow-text", "pyarrow")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines = [
        "# Results",
        "",
        "Written by `make bench`; machines are noisy, so read the ratios, not the seconds.",
        "",
        f"Python {platform.python_version()}, {versions}; peers as pinned in `peers.lock`.",
        "",
        *prepare_speed.measure(folder),
        "",
        *document_speed.measure(folder),
        "",
        *near_duplicates.measure(folder),
        "",
    ]
    text = "\n".join(lines)
    (HERE / "RESULTS.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
