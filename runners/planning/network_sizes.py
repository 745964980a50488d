"""How large the networks of a job are, and what they need."""

from __future__ import annotations

from ..jobs.job import JobConfig

# Of a worker that translates: what it is held to; a small model takes somewhat less.
WORKER_BYTES = 1.5e9
# Of a training, for each parameter: itself, its gradient, two moments, an average, and a copy in a
# checkpoint that is written; and what the libraries and the activations of a batch take.
_TRAINING_BYTES_A_PARAMETER = 24
_TRAINING_BYTES = 2e9


def training_bytes(job: JobConfig) -> float:
    """Memory that a training of the job needs, about."""
    return _TRAINING_BYTES + _TRAINING_BYTES_A_PARAMETER * parameters(job)


def parameters(job: JobConfig) -> int:
    """About how many the encoder-decoder has."""
    return encoder(job) + decoder(job) + embeddings(job)


def encoder(job: JobConfig, share: float = 1.0) -> int:
    """Weights of the encoder's matrices; of a generator's that is `share` as wide."""
    sizes = job.model.sizes()
    width, inside = sizes["d_model"] * share, sizes["dff"] * share
    return round(sizes["num_layers"] * (4 * width * width + 2 * width * inside))


def decoder(job: JobConfig) -> int:
    """Weights of the decoder's matrices."""
    sizes = job.model.sizes()
    width, inside = sizes["d_model"], sizes["dff"]
    return sizes["num_decoder_layers"] * (8 * width * width + 2 * width * inside)


def embeddings(job: JobConfig) -> int:
    """Weights of a table of a side."""
    return job.vocabulary.size * job.model.embedding_width
