"""The encoder: embedding, positions, dropout, blocks.

It is also the body of the generator and of the discriminator (see `pretraining`).
"""

from keras import ops

from electra_model import masks
from electra_model.config import ModelConfig
from electra_model.embeddings import TokenEmbedding
from electra_model.layers import EncoderBlock
from electra_model.stack import Stack


def embedding_of(config: ModelConfig, vocabulary_size: int) -> TokenEmbedding:
    """The token embedding of an encoder that a job file describes."""
    return TokenEmbedding(
        vocabulary_size, config.embedding_width, config.scale_embeddings, name="embedding"
    )


def encoder_of(config: ModelConfig, embedding, name, *, d_model=None, num_heads=None, dff=None):
    """An encoder as a job file describes it, not built yet; narrower where the widths say so."""
    sizes = config.sizes()
    return Encoder(
        sizes["num_layers"],
        d_model or sizes["d_model"],
        num_heads or sizes["num_heads"],
        dff or sizes["dff"],
        embedding,
        config.position_encoding,
        name=name,
        dropout=config.dropout,
        activation=config.activation,
        norm=config.norm,
        max_length=config.max_length,
        embedding_norm=config.embedding_norm,
        final_norm=config.final_norm,
        norm_epsilon=config.norm_epsilon,
    )


class Encoder(Stack):
    """token_ids int [batch, length] -> representations [batch, length, d_model].

    The arguments are those of `Stack`.
    """

    block = EncoderBlock

    def start(self, token_ids, segment_ids=None, seeds=None):
        """What the first block takes, arguments as of `call`: x float [batch, length, d_model], the
        mask bool, broadcast to [batch, heads, length, length], and the rotation."""
        positions = ops.expand_dims(ops.arange(ops.shape(token_ids)[1]), 0)
        if segment_ids is None:
            mask = masks.attend_to_real(masks.padding_mask(token_ids))
        else:
            mask = masks.same_segment(segment_ids)
            positions = positions - segment_starts(segment_ids)
        x, rotation = self.embed(token_ids, positions, seeds)
        return x, mask, rotation

    def call(self, token_ids, segment_ids=None, seeds=None, return_scores=False):
        """Represents each token by the text around it.

        segment_ids int [batch, length], where windows hold several texts: each then sees itself
        only and has positions of its own. seeds: a `SeedStream` while training. Returns [batch,
        length, d_model], and with `return_scores` a list of attention scores [batch, heads, length,
        length], one per block.
        """
        x, mask, rotation = self.start(token_ids, segment_ids, seeds)
        scores = []
        for block in self.blocks:
            x, alpha = block(x, mask, seeds=seeds, return_scores=True, rotation=rotation)
            scores.append(alpha)
        x = self.finish(x)
        return (x, scores) if return_scores else x


def segment_starts(segment_ids):
    """int [batch, length] -> int32 [batch, length]: where the segment of each position begins.

    [1, 1, 2, 2, 2, 0] -> [0, 0, 2, 2, 2, 5]. Compares all pairs: windows are short, and this needs
    no scan.
    """
    length = ops.shape(segment_ids)[1]
    same = ops.equal(ops.expand_dims(segment_ids, 2), ops.expand_dims(segment_ids, 1))
    positions = ops.arange(length, dtype="int32")
    return ops.min(ops.where(same, positions[None, None, :], length), axis=2)
