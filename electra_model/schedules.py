"""Learning rates as pure functions of how far a training has come."""

import math

from electra_model.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, step: int, progress: float) -> float:
    """The rate for update number `step` (from 0) at `progress`, the share done, in [0, 1].

    A linear rise over `warmup_steps`, then by `config.schedule`: "cosine" (Loshchilov and Hutter
    2017, without restarts) and "linear" fall to zero at progress 1; "inverse_sqrt" (Vaswani et al.
    2017, section 5.3) falls with the step.
    """
    rise = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    progress = min(max(progress, 0.0), 1.0)
    if config.schedule == "cosine":
        fall = 0.5 * (1.0 + math.cos(math.pi * progress))
    elif config.schedule == "linear":
        fall = 1.0 - progress
    else:
        warmup = max(config.warmup_steps, 1)
        fall = math.sqrt(warmup / max(step + 1, warmup))
    return config.learning_rate * rise * fall
