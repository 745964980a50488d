"""electra.npz: `transformers.ElectraForPreTraining` and `ElectraForMaskedLM`, and their losses.

    PYTHONPATH=. PEERS/bin/python -m tests.golden.make_electra

Discriminator and generator over one table of token embeddings, which is narrower than the one and
wider than the other; post-norm, GELU, learned positions, embeddings normalised. Which tokens are
hidden and what is drawn in their place is written down here, for two implementations would not draw
the same: these are our draws for the seed of the test.
"""

import numpy as np
import torch
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from tests.golden import archive
from tests.golden.torch_weights import array, attention, linear, norm, randomize

SIZE, LENGTH, EMBEDDING, MASK = 50, 10, 12, 4
HIDDEN = [[2, 4, 5], [1, 5], [3, 5, 7]]
DRAWN = [[27, 36, 24], [10, 23], [17, 5, 32]]


def config(hidden_size, heads, inner):
    """What generator and discriminator share, at one of the two widths."""
    return ElectraConfig(
        vocab_size=SIZE,
        embedding_size=EMBEDDING,
        hidden_size=hidden_size,
        num_hidden_layers=2,
        num_attention_heads=heads,
        intermediate_size=inner,
        hidden_act="gelu",
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=0,
        attn_implementation="eager",
    )


def encoder_weights(path, model):
    """Weights of an `ElectraModel` under our names; what it adds to every token of a first text is
    in the positions."""
    embeddings = model.embeddings
    positions = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
    found = {f"{path}_positions/table": array(positions)}
    found |= norm(f"{path}/embedding_norm", embeddings.LayerNorm)
    found |= linear(f"{path}/projection", model.embeddings_project)
    for number, layer in enumerate(model.encoder.layer):
        block, own = f"{path}/block_{number}", layer.attention.self
        found |= attention(
            f"{block}/self_attention", own.query, own.key, own.value, layer.attention.output.dense
        )
        found |= norm(f"{block}/self_attention_norm", layer.attention.output.LayerNorm)
        found |= linear(f"{block}/feed_forward/inner", layer.intermediate.dense)
        found |= linear(f"{block}/feed_forward/outer", layer.output.dense)
        found |= norm(f"{block}/feed_forward_norm", layer.output.LayerNorm)
    return found


def weights_of(discriminator, generator):
    """All weights under our names."""
    head, predictions = discriminator.discriminator_predictions, generator.generator_predictions
    return (
        {"embedding/table": array(discriminator.electra.embeddings.word_embeddings.weight)}
        | encoder_weights("encoder", discriminator.electra)
        | linear("discriminator_head/dense", head.dense)
        | linear("discriminator_head/prediction", head.dense_prediction)
        | encoder_weights("generator", generator.electra)
        | linear("generator_head/dense", predictions.dense)
        | norm("generator_head/norm", predictions.LayerNorm)
        | {"generator_head/bias": array(generator.generator_lm_head.bias)}
    )


def main():
    token_ids = np.random.default_rng(7).integers(5, SIZE, (3, LENGTH))
    token_ids[1, 6:], token_ids[2, 9:] = 0, 0
    discriminator = randomize(ElectraForPreTraining(config(16, 2, 32)), seed=8)
    generator = randomize(ElectraForMaskedLM(config(8, 1, 16)), seed=9)
    shared = discriminator.electra.embeddings.word_embeddings.weight
    generator.electra.embeddings.word_embeddings.weight = shared
    generator.generator_lm_head.weight = shared

    masked, corrupted, targets = token_ids.copy(), token_ids.copy(), np.full_like(token_ids, -100)
    for row, (places, draws) in enumerate(zip(HIDDEN, DRAWN, strict=True)):
        masked[row, places] = MASK
        targets[row, places] = token_ids[row, places]
        corrupted[row, places] = draws
    more = dict(
        attention_mask=torch.tensor(token_ids != 0),
        output_hidden_states=True,
        output_attentions=True,
    )
    made = generator(input_ids=torch.tensor(masked), labels=torch.tensor(targets), **more)
    told = discriminator(
        input_ids=torch.tensor(corrupted),
        labels=torch.tensor(corrupted != token_ids).long(),
        **more,
    )
    arrays = {
        "token_ids": token_ids,
        "masked": masked,
        "corrupted": corrupted,
        "generator_hidden": array(made.hidden_states[-1]),
        "generator_logits": array(made.logits),
        "generator_loss": array(made.loss),
        "discriminator_hidden": array(told.hidden_states[-1]),
        "discriminator_attention": array(torch.stack(told.attentions)),
        "discriminator_logits": array(told.logits),
        "discriminator_loss": array(told.loss),
        "loss": array(made.loss + 50.0 * told.loss),  # Clark et al. 2020, section 2
    }
    archive.save("electra", weights_of(discriminator, generator), arrays)


if __name__ == "__main__":
    main()
