"""Settings of the job file's section `translate.checks`: what a translation is held against its
source for.

Bounds are wide: of 1,000 pairs by human translators of software (English-German) all checks
together flag fewer than 2 in 100. What they do not see, they say nothing about: a translation
without a flag is not known to be right.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pydantic

from electra_model.config import STRICT, bound_or_off

from ..cleaning.clean_config import Off

_BOUNDS: dict[str, tuple[float, float]] = {
    "length_ratio": (1, 1000),
    "repetition": (1, 1000),
    "wrong_language": (0, 1),
    "replaced_tokens": (0, 1),
}


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class ChecksConfig:
    """Checks of every segment, each with its bound or off; `checks: off` switches all off.

    A flag has the name of its check, but for `added_span` and `added_number`. Of summaries and
    continuations `repetition` alone is asked.

    Attributes:
      enabled: what `checks: on` or `off` sets.
      retry: whether a flagged segment is tried again, once; the better answer is kept. Where spans
        are lost even so, what lies between them is translated piece by piece.
      lost_span: addresses, code between backticks, placeholders and tags are the same, to the
        letter, or else `lost_span` or `added_span` (see `protected_spans`).
      lost_number: numbers outside of spans are the same, or else `lost_number` or `added_number`.
      length_ratio: of characters, longer side to shorter side, beyond the first few; those of
        Chinese, Japanese and Korean count thrice. Human pairs reach 2.2.
      repetition: so many words that come once more directly after they were said ("no no no" has
        two of them) are too many, beyond those of the source.
      untranslated: the translation is the source, in which there are words that are no names.
      wrong_language: least probability that a translation is in the target language; those shorter
        than 40 characters pass, and all where the language cannot be identified.
      replaced_tokens: the mean of the probabilities that a token is replaced, by the model's
        discriminator where its folder has one; what it says of every row is in the certificate.
        Such a segment is not tried again (see `replaced_tokens`).
    """

    # The key that a truth value in the section's place is taken for.
    switch: ClassVar[str] = "enabled"

    enabled: bool = True
    retry: bool = True
    lost_span: bool = True
    lost_number: bool = True
    length_ratio: float | Off = 2.5
    repetition: int | Off = 2
    untranslated: bool = True
    wrong_language: float | Off = 0.1
    replaced_tokens: float | Off = 0.5

    @pydantic.field_validator(*_BOUNDS, mode="before")
    @classmethod
    def _check_bound(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        return bound_or_off(value, *_BOUNDS[info.field_name or ""])
