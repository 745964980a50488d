"""`make bench`: runs every comparison; each writes its own section of RESULTS.md when it is done.
Only ratios within one run mean anything. What needs hours, a GPU or a processor with units for
bfloat16 is run by name alone.

`python -m tests.benchmarks sizes` runs that one alone and leaves the other sections as they are.
"""

import pathlib
import sys

from . import (
    checks,
    document_sizes,
    document_speed,
    learning,
    near_duplicates,
    other_tasks,
    planner_scale,
    prepare_speed,
    recipes,
    results,
    training_speed,
    translate_kills,
    translate_pipeline,
    translate_sizes,
    translate_speed,
    warm_start,
    worker_scaling,
)

RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")


def _accelerator(folder: pathlib.Path) -> list[str]:
    from . import accelerator  # the others need no TensorFlow in this process

    return accelerator.measure(folder)


def _judging(folder: pathlib.Path) -> list[str]:
    from . import judging

    return judging.measure(folder)


_SECTIONS = {
    "pairs": prepare_speed.measure,
    "documents": lambda folder: document_speed.measure(folder, "unigram"),
    "documents_wordpiece": lambda folder: document_speed.measure(folder, "wordpiece"),
    "sizes": document_sizes.measure,
    "near_duplicates": near_duplicates.measure,
    "training": lambda folder: training_speed.measure(folder, "float32"),
    "training_bfloat16": lambda folder: training_speed.measure(folder, "bfloat16"),
    "translate": translate_speed.measure,
    "translate_pipeline": translate_pipeline.measure,
    "translate_sizes": translate_sizes.measure,
    "translate_kills": translate_kills.measure,
    "workers": worker_scaling.measure,
    "learning": learning.measure,
    "warm_start": warm_start.measure,
    "other_tasks": other_tasks.measure,
    "recipes": recipes.measure,
    "scale": planner_scale.measure,
    "checks": checks.measure,
    "judging": _judging,
    "accelerator": _accelerator,
}
_BY_NAME_ALONE = {
    "accelerator",
    "judging",
    "training_bfloat16",
    "translate_kills",
    "learning",
    "warm_start",
    "other_tasks",
    "recipes",
}


def main() -> None:
    """Measures into `work/bench` and writes the tables."""
    names = sys.argv[1:] or [name for name in _SECTIONS if name not in _BY_NAME_ALONE]
    if unknown := [name for name in names if name not in _SECTIONS]:
        raise SystemExit(f"{unknown[0]}: is no section; allowed are {', '.join(_SECTIONS)}")
    folder = pathlib.Path("work/bench").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        heading, *lines = _SECTIONS[name](folder)
        lines = [heading, "", results.machine(), *lines]
        before = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
        text = results.replace(before, name, lines, list(_SECTIONS))
        RESULTS.write_text(text, encoding="utf-8")
        sys.stdout.write("\n".join(lines) + "\n\n")


if __name__ == "__main__":
    main()
