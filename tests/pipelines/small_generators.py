"""Untrained generators as a pretraining leaves them, for jobs that make replacements."""

import hashlib
import json
import os

import numpy as np

from electra_model import checkpoint
from electra_model.checkpoint import Checkpoint
from electra_model.config import ModelConfig, PretrainConfig
from electra_model.generator_card import GeneratorCard


def write_generator(workdir, vocabulary_fingerprint, vocabulary_size, max_length=16, seed=1):
    """Writes `pretrain/generator.json` and the checkpoint; returns the work folder."""
    from electra_model.pretraining import ReplacedTokenDetection

    sizes = ModelConfig(
        num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=32, max_length=max_length
    )
    model = ReplacedTokenDetection(sizes, PretrainConfig(), vocabulary_size, seed)
    tensors = {v.path: np.asarray(v) * 2.0 for v in model.trainable_variables}
    folder = os.path.join(workdir, "pretrain")
    path = checkpoint.save(os.path.join(folder, "checkpoints"), Checkpoint(3, tensors, {}))
    card = GeneratorCard(
        model=sizes.resolved(),
        fraction=PretrainConfig().generator_fraction,
        vocabulary_fingerprint=vocabulary_fingerprint,
        vocabulary_size=vocabulary_size,
        checkpoint=f"checkpoints/{path.name}",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        step=3,
    )
    with open(os.path.join(folder, "generator.json"), "w") as stream:
        json.dump(card.to_json(), stream)
    return str(workdir)
