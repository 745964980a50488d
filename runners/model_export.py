"""`electra export`: a model folder in the format of another library."""

from __future__ import annotations

import os
from typing import Any

from electra_model import ctranslate2_format
from electra_model.errors import InputError

from .terminal.progress import say


def export(model_dir: str, to: str, output: str, quantization: str = "float32") -> dict[str, Any]:
    """Writes the folder and returns what the command prints.

    Args:
      model_dir: a model folder, as `electra train` writes it.
      to: the format; "ctranslate2" is the one that there is.
      output: the folder; an older one in this format is replaced.
      quantization: how the weights are stored.

    Raises `InputError` when the library is missing, the folder is no model folder or holds a
    network that the format cannot say, or something else is where the output is to go.
    """
    for option, value, known in (
        ("--format", to, (ctranslate2_format.FORMAT,)),
        ("--quantization", quantization, ctranslate2_format.QUANTIZATIONS),
    ):
        if value not in known:
            raise InputError(f"{option} {value}: is not known; known: {', '.join(known)}")
    ctranslate2_format.check_installed(f"--format {to}")
    from electra_model import ctranslate2_export
    from electra_model.export import load_model

    loaded = load_model(model_dir)
    ctranslate2_export.export(loaded, output, quantization)
    size = os.path.getsize(os.path.join(output, "model.bin"))
    say(f"export: the model is in {output} ({size / 1e6:,.1f} MB)")
    return {"output": output, "format": to, "quantization": quantization, "bytes": size}
