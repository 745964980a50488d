"""`make bench`: runs every comparison and writes RESULTS.md. Only ratios within one run mean
anything. `python -m tests.benchmarks documents` runs that one alone."""

import pathlib
import platform
import sys
from importlib.metadata import version

from . import document_speed, near_duplicates, prepare_speed

HERE = pathlib.Path(__file__).parent

_SECTIONS = {
    "pairs": prepare_speed.measure,
    "documents": document_speed.measure,
    "near_duplicates": near_duplicates.measure,
}


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
    ]
    for name in sys.argv[1:] or _SECTIONS:
        lines += [*_SECTIONS[name](folder), ""]
    text = "\n".join(lines)
    (HERE / "RESULTS.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
