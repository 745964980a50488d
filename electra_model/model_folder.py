"""What lies in a model folder, for those who ask without TensorFlow; `export` writes it."""

from __future__ import annotations

from collections.abc import Callable

from electra_model.shortlist import FILE as SHORTLIST_FILE
from electra_model.tokenizer import FILES as VOCABULARIES
from electra_model.tokenizer import SIDES

DISCRIMINATOR_FILE = "discriminator.npz"

# All that may lie in a model folder; of the vocabularies it has one, or one in each side's folder.
ENTRIES = (
    *("model.json", "saved_model", SHORTLIST_FILE, DISCRIMINATOR_FILE),
    *VOCABULARIES,
    *SIDES,
)
_NEEDED = ("model.json", "saved_model/saved_model.pb", "saved_model/variables/variables.index")


def missing_part(exists: Callable[[str], bool]) -> str | None:
    """The part of a model folder that is not there, or None when it is whole.

    exists: tells of a name below the folder whether it is there.
    """
    if missing := next((name for name in _NEEDED if not exists(name)), None):
        return missing
    if any(map(exists, VOCABULARIES)):
        return None
    of_sides = [[f"{side}/{name}" for name in VOCABULARIES] for side in SIDES]
    missing_sides = [names for names in of_sides if not any(map(exists, names))]
    if len(missing_sides) == len(SIDES):
        return " or ".join(VOCABULARIES)
    return " or ".join(missing_sides[0]) if missing_sides else None
