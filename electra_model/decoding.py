"""How outputs are searched. Needs no TensorFlow: pipelines and job files know it, too."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Tokens are drawn by their probabilities (see `sampling`).

    Attributes:
      temperature: > 0; below 1 the likely gets likelier. top_k: so many of the likeliest tokens; 0
        means all. top_p: in (0, 1], the share of the probability that the likeliest tokens must
        have together. seed: what is drawn for a text depends on it and on the text alone.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 1


@dataclasses.dataclass(frozen=True)
class Decoding:
    """A search.

    Attributes:
      beam_size: hypotheses kept at each step; 1 is greedy search.
      alpha: >= 0, strength of the length penalty; 0 compares plain log-probabilities.
      n_best: outputs of each source, at most `beam_size`.
      min_length: tokens of the shortest output, end mark included; at least 2, for an output
        without any token is no output: a weak model would take that way out.
      no_repeat_ngram: no output has so many tokens in the same order twice; 0 allows it.
      sampling: draws tokens instead; `beam_size` and `n_best` are not looked at then.
      shortlist: outputs have tokens of the lists of their sources only (see `shortlist`); not for
        sampling.
    """

    beam_size: int = 4
    alpha: float = 0.6
    n_best: int = 1
    min_length: int = 2
    no_repeat_ngram: int = 0
    sampling: Sampling | None = None
    shortlist: bool = False
