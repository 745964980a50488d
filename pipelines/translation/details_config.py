"""What is told of a translation besides: see `details`."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be told.

    Attributes:
      n_best: outputs of the search, the best ones first. alignments: for each word of a translation
        the word of the source that it looks at most (see `electra_model.alignment`). attention: how
        much each looks at each.
    """

    n_best: int = 1
    alignments: bool = False
    attention: bool = False
