"""Models that shout, and make the mistakes that checks are for."""

import json
import pathlib
import re

import numpy as np

from pipelines.texts import protected_spans
from tests.pipelines import shouting

MASKS = re.compile(r"\{\d+\}")


class LosingModel(shouting.ShoutingModel):
    """Shouts what is not a span. Of spans it knows `{0}` and the like, and loses all others.

    What holds "deaf" loses these as well. "Stutter" is said again and again in a sentence of more
    than three words, "wander" in beam search alone. "Invent" becomes a placeholder, "zero" a
    number.
    """

    def __init__(self, fingerprint):
        super().__init__(fingerprint)
        self.asked = []

    def translate(self, texts, *, beam_size, length_penalty, max_length=None):
        self.asked.append((list(texts), beam_size))
        _, scores = super().translate(
            texts, beam_size=beam_size, length_penalty=length_penalty, max_length=max_length
        )
        return [self._said(text, beam_size) for text in texts], np.asarray(scores)

    def _said(self, text, beam_size):
        if text == "Mute.":
            return ""
        pieces, spans = protected_spans.cut(text)
        known = [
            span if MASKS.fullmatch(span) and "deaf" not in text else "" for span in (*spans, "")
        ]
        said = "".join(a.upper() + b for a, b in zip(pieces, known, strict=True))
        if len(said.split()) > 3:
            said = said.replace("STUTTER", "STUTTER STUTTER STUTTER")
        if beam_size > 1:
            said = said.replace("WANDER", "WANDER OFF WANDER OFF")
        return said.replace("INVENT", "{invented}").replace("ZERO", "0")


def load(model_dir):
    return LosingModel(
        json.loads((pathlib.Path(model_dir) / "model.json").read_text())["fingerprint"]
    )
