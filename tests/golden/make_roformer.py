"""roformer.npz: `transformers.RoFormerModel`, an encoder with rotary positions.

    PYTHONPATH=. PEERS/bin/python -m tests.golden.make_roformer

Rotary positions on queries and keys, embeddings narrower than the representations and normalised,
post-norm, GELU.
"""

import numpy as np
import torch
from transformers import RoFormerConfig, RoFormerModel

from tests.golden import archive
from tests.golden.torch_weights import array, attention, linear, norm, randomize

SIZE = 50


def build():
    """A RoFormer with random weights and its own sines and cosines."""
    config = RoFormerConfig(
        vocab_size=SIZE,
        embedding_size=12,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_act="gelu",
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        rotary_value=False,
        pad_token_id=0,
    )
    model = RoFormerModel(config)
    angles = model.encoder.embed_positions.weight.clone()
    randomize(model, seed=5)
    with torch.no_grad():
        model.encoder.embed_positions.weight.copy_(angles)
    return model


def weights_of(model):
    """Its weights under our names; what it adds to every token of a first text is in the table."""
    embeddings = model.embeddings
    table = embeddings.word_embeddings.weight + embeddings.token_type_embeddings.weight[0]
    found = {"embedding/table": array(table)}
    found |= norm("encoder/embedding_norm", embeddings.LayerNorm)
    found |= linear("encoder/projection", model.embeddings_project)
    for number, layer in enumerate(model.encoder.layer):
        path, own = f"encoder/block_{number}", layer.attention.self
        found |= attention(
            f"{path}/self_attention", own.query, own.key, own.value, layer.attention.output.dense
        )
        found |= norm(f"{path}/self_attention_norm", layer.attention.output.LayerNorm)
        found |= linear(f"{path}/feed_forward/inner", layer.intermediate.dense)
        found |= linear(f"{path}/feed_forward/outer", layer.output.dense)
        found |= norm(f"{path}/feed_forward_norm", layer.output.LayerNorm)
    return found


def main():
    token_ids = np.random.default_rng(6).integers(5, SIZE, (3, 11))
    token_ids[1, 6:], token_ids[2, 10:] = 0, 0
    model = build()
    output = model(
        input_ids=torch.tensor(token_ids),
        attention_mask=torch.tensor(token_ids != 0),
        output_attentions=True,
    )
    arrays = {
        "token_ids": token_ids,
        "hidden": array(output.last_hidden_state),
        "attention": array(torch.stack(output.attentions)),
    }
    archive.save("roformer", weights_of(model), arrays)


if __name__ == "__main__":
    main()
