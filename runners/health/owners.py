"""Whose the packages are that this project is made of: their names could be anybody's."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence

from electra_model.errors import WorkError

DISTRIBUTION = "electra-pipelines"
_PACKAGES = ("electra_model", "pipelines", "runners")


def check(distributions: Mapping[str, Sequence[str]] | None = None) -> None:
    """Raises `WorkError` when a package of ours has another owner in this environment too.

    `distributions`: top-level name -> distributions, as `packages_distributions` gives it; by
    default those here.
    """
    if distributions is None:
        distributions = importlib.metadata.packages_distributions()
    for name in _PACKAGES:
        others = {
            owner
            for owner in distributions.get(name, ())
            if owner.lower().replace("_", "-") != DISTRIBUTION
        }
        if others:
            raise WorkError(
                f"the Python package {name!r} of {DISTRIBUTION} is also installed by "
                f"{', '.join(sorted(others))}, and one hides the other; "
                f"install {DISTRIBUTION} in an environment of its own"
            )
