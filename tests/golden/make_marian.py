"""marian.npz and marian_sides.npz: `transformers.MarianMTModel`, the network of OPUS-MT.

    PYTHONPATH=. PEERS/bin/python -m tests.golden.make_marian

Post-norm without a last normalisation, sinusoidal positions (sines in the first half), scaled
embeddings, a bias on the logits; with swish as OPUS-MT has it, and with ReLU. The first has one
table for both sides, the second one for each. Outputs of greedy search are those of `generate`.
"""

import numpy as np
import torch
from transformers import MarianConfig, MarianMTModel

from tests.golden import archive
from tests.golden.torch_weights import array, attention, linear, norm, randomize

SIZE, LONGEST = 50, 16
NEVER = [0, 1, 2, 4]  # padding, unknown, start and mask


def build(activation, tied):
    """A Marian model with random weights; `tied`: one table for both sides."""
    config = MarianConfig(
        vocab_size=SIZE,
        decoder_vocab_size=SIZE,
        share_encoder_decoder_embeddings=tied,
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        activation_function=activation,
        scale_embedding=True,
        max_position_embeddings=LONGEST,
        dropout=0.0,
        pad_token_id=0,
        eos_token_id=3,
        decoder_start_token_id=2,
        forced_eos_token_id=3,
        attn_implementation="eager",
    )
    model = MarianMTModel(config)
    positions = {
        name: value.clone() for name, value in model.named_parameters() if "embed_positions" in name
    }
    randomize(model, seed=3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in positions:  # a constant that PyTorch counts among the parameters
                parameter.copy_(positions[name])
        model.final_logits_bias.normal_(0.0, 0.2)
    model.tie_weights()
    return model


def weights_of(model, tied):
    """Its weights under our names; the positions are no weights of ours."""
    found = {
        "embedding/table": array(model.model.encoder.embed_tokens.weight),
        "vocabulary_head/bias": array(model.final_logits_bias)[0],
    }
    if not tied:
        found["target_embedding/table"] = array(model.model.decoder.embed_tokens.weight)
    for side in ("encoder", "decoder"):
        for number, layer in enumerate(getattr(model.model, side).layers):
            path = f"{side}/block_{number}"
            kinds = [("self_attention", layer.self_attn, layer.self_attn_layer_norm)]
            if side == "decoder":
                kinds.append(("cross_attention", layer.encoder_attn, layer.encoder_attn_layer_norm))
            for kind, part, normed in kinds:
                found |= attention(
                    f"{path}/{kind}", part.q_proj, part.k_proj, part.v_proj, part.out_proj
                )
                found |= norm(f"{path}/{kind}_norm", normed)
            found |= linear(f"{path}/feed_forward/inner", layer.fc1)
            found |= linear(f"{path}/feed_forward/outer", layer.fc2)
            found |= norm(f"{path}/feed_forward_norm", layer.final_layer_norm)
    return found


def main():
    for name, tied in (("marian", True), ("marian_sides", False)):
        draws = np.random.default_rng(4)
        source, shifted = draws.integers(5, SIZE, (3, 9)), draws.integers(5, SIZE, (3, 7))
        source[1, 5:], source[2, 8:], shifted[0, 4:] = 0, 0, 0
        shifted[:, 0] = 2
        arrays, weights = {"source": source, "shifted": shifted}, {}
        for activation in ("swish", "relu"):
            model = build(activation, tied)
            weights = weights_of(model, tied)
            ids, real = torch.tensor(source), torch.tensor(source != 0)
            output = model(
                input_ids=ids,
                attention_mask=real,
                decoder_input_ids=torch.tensor(shifted),
                decoder_attention_mask=torch.tensor(shifted != 0),
                output_hidden_states=True,
                output_attentions=True,
            )
            arrays[f"memory_{activation}"] = array(output.encoder_last_hidden_state)
            arrays[f"hidden_{activation}"] = array(output.decoder_hidden_states[-1])
            arrays[f"logits_{activation}"] = array(output.logits)
            arrays[f"cross_attention_{activation}"] = array(torch.stack(output.cross_attentions))
            found = model.generate(
                ids, attention_mask=real, num_beams=1, do_sample=False, max_length=11,
                suppress_tokens=NEVER, begin_suppress_tokens=[3],
            )  # fmt: skip
            arrays[f"greedy_{activation}"] = array(found)[:, 1:]  # without the start token
        archive.save(name, weights, arrays)


if __name__ == "__main__":
    main()
