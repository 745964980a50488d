"""AdamW (Loshchilov and Hutter 2019) as Keras has it: matrices decay, the gradient is bounded."""

import keras
import tensorflow as tf

from electra_model.config import OptimizerConfig


def build_optimizer(config: OptimizerConfig, variables) -> keras.optimizers.Optimizer:
    """An optimizer for `variables`. Biases and normalisation weights are not decayed."""
    optimizer = keras.optimizers.AdamW(
        name="optimizer",
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        epsilon=config.epsilon,
    )
    optimizer.exclude_from_weight_decay(
        var_list=[variable for variable in variables if len(variable.shape) < 2]
    )
    optimizer.build(variables)
    return optimizer


def apply_clipped(optimizer, gradients, variables, clip_norm: float):
    """Applies gradients scaled so that their global norm is at most `clip_norm` (0: unbounded).

    Returns the norm before clipping, a float scalar.
    """
    norm = tf.linalg.global_norm(gradients)
    if clip_norm:
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm, use_norm=norm)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return norm
