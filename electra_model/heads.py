"""What stands on the last representations: logits over the vocabulary, and the two heads of
replaced-token detection (Clark et al. 2020, section 2)."""

import keras
from keras import ops

from electra_model.fusion import fused, product
from electra_model.layers import EPSILON, layer_norm, linear, normalized


@fused
def _gelu(x, bias):
    return ops.gelu(ops.cast(x, bias.dtype) + bias, approximate=False)


class VocabularyHead(keras.layers.Layer):
    """Logits over the vocabulary by a table that an embedding owns (Press and Wolf 2017).

    [..., d_model] and table [vocabulary_size, embedding_dim] -> [..., vocabulary_size]. Where the
    embeddings have another width than the representations, these are projected to it (Lan et al.
    2020, section 3.1).
    """

    def __init__(self, vocabulary_size, d_model, embedding_dim=None, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.d_model = d_model
        self.embedding_dim = embedding_dim or d_model
        self.projection = None
        if self.embedding_dim != d_model:
            self.projection = keras.layers.Dense(self.embedding_dim, name="projection")
        self.bias = self.add_weight(name="bias", shape=(vocabulary_size,), initializer="zeros")

    def build(self, *_, **__):
        """Creates the projection, where there is one."""
        if self.projection is not None:
            self.projection.build((None, None, self.d_model))
        self.built = True

    def vectors(self, x):
        """[..., d_model] -> [..., embedding_dim]: what is compared with the rows of the table."""
        return x if self.projection is None else linear(self.projection, x)

    def call(self, x, table):
        """A product with the table, and a bias of this layer's own."""
        return product(self.vectors(x), table, transposed=True, bias=self.bias)

    def compared(self, x, rows, bias):
        """As `call`, with what stays the same in a loop made before it: some of the table's rows,
        [n, embedding_dim], and the bias, to which something was added."""
        return product(self.vectors(x), rows, transposed=True, bias=bias)

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(
            vocabulary_size=self.vocabulary_size,
            d_model=self.d_model,
            embedding_dim=self.embedding_dim,
        )


class MaskedTokenHead(keras.layers.Layer):
    """Generator head: representations -> vectors to be compared with the token embeddings.

    [..., width] -> [..., embedding_dim]; the vocabulary is reached through the shared table.
    """

    def __init__(self, width, embedding_dim, vocabulary_size, norm_epsilon=EPSILON, **kwargs):
        super().__init__(**kwargs)
        self.norm_epsilon = norm_epsilon
        self.width = width
        self.embedding_dim = embedding_dim
        self.vocabulary_size = vocabulary_size
        self.dense = keras.layers.Dense(embedding_dim, name="dense")
        self.norm = layer_norm("norm", norm_epsilon)
        self.bias = self.add_weight(name="bias", shape=(vocabulary_size,), initializer="zeros")

    def build(self, *_, **__):
        """Creates the projection."""
        self.dense.build((None, self.width))
        self.norm.build((None, self.embedding_dim))
        self.built = True

    def call(self, x):
        """GELU and normalisation follow the projection."""
        return normalized(self.norm, _gelu(product(x, self.dense.kernel), self.dense.bias))

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(
            width=self.width,
            embedding_dim=self.embedding_dim,
            vocabulary_size=self.vocabulary_size,
            norm_epsilon=self.norm_epsilon,
        )


class ReplacedTokenHead(keras.layers.Layer):
    """Discriminator head: [batch, length, d_model] -> logits [batch, length].

    Positive means replaced.
    """

    def __init__(self, d_model, **kwargs):
        super().__init__(**kwargs)
        self.d_model = d_model
        self.dense = keras.layers.Dense(d_model, name="dense")
        self.prediction = keras.layers.Dense(1, name="prediction")

    def build(self, *_, **__):
        """Creates both layers."""
        self.dense.build((None, self.d_model))
        self.prediction.build((None, self.d_model))
        self.built = True

    def call(self, x):
        """One logit per position."""
        inner = _gelu(product(x, self.dense.kernel), self.dense.bias)
        return linear(self.prediction, inner)[..., 0]

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(d_model=self.d_model)
