"""The encoder as it was published, in all but its size: embeddings three quarters as wide, learned
positions unless another kind is asked for."""

from electra_model.config import ModelConfig


def config(position_encoding="learned"):
    """Two blocks of 16, without dropout."""
    return ModelConfig(
        num_layers=2,
        d_model=16,
        num_heads=2,
        dff=32,
        embedding_dim=12,
        dropout=0.0,
        activation="gelu",
        norm="post",
        position_encoding=position_encoding,
        scale_embeddings=False,
        embedding_norm=True,
        final_norm=False,
        norm_epsilon=1e-12,
        max_length=16,
    )
