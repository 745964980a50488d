"""transformer.npz: encoder-decoders around `torch.nn.Transformer`, from one set of weights.

    PYTHONPATH=. PEERS/bin/python -m tests.golden.make_transformer

Post-norm and pre-norm, ReLU and GELU; embeddings tied and scaled, positions learned. PyTorch
normalises the output of both stacks, whatever `norm_first` is.
"""

import math

import numpy as np
import torch

from tests.golden import archive
from tests.golden.torch_weights import array, joint_attention, linear, norm, randomize

SIZE, WIDTH, HEADS, INNER, LAYERS, LONGEST = 50, 16, 2, 32, 2, 12
SMOOTHING = 0.1


class Peer(torch.nn.Module):
    """`torch.nn.Transformer` with what it lacks: embeddings, positions and an output."""

    def __init__(self, activation, norm_first):
        super().__init__()
        self.embedding = torch.nn.Embedding(SIZE, WIDTH)
        self.source_positions = torch.nn.Embedding(LONGEST, WIDTH)
        self.target_positions = torch.nn.Embedding(LONGEST, WIDTH)
        self.transformer = torch.nn.Transformer(
            WIDTH, HEADS, LAYERS, LAYERS, INNER, 0.0, activation,
            norm_first=norm_first, batch_first=True,
        )  # fmt: skip
        self.bias = torch.nn.Parameter(torch.zeros(SIZE))

    def embed(self, ids, positions):
        return self.embedding(ids) * math.sqrt(WIDTH) + positions.weight[: ids.shape[1]]

    def forward(self, source, target):
        """The memory, the decoder's output and the logits."""
        memory = self.transformer.encoder(
            self.embed(source, self.source_positions), src_key_padding_mask=source == 0
        )
        length = target.shape[1]
        hidden = self.transformer.decoder(
            self.embed(target, self.target_positions),
            memory,
            tgt_mask=torch.triu(torch.ones(length, length, dtype=torch.bool), 1),
            tgt_key_padding_mask=target == 0,
            memory_key_padding_mask=source == 0,
        )
        return memory, hidden, hidden @ self.embedding.weight.T + self.bias


def weights_of(peer):
    """Its weights under our names."""
    found = {
        "embedding/table": array(peer.embedding.weight),
        "encoder_positions/table": array(peer.source_positions.weight),
        "decoder_positions/table": array(peer.target_positions.weight),
        "vocabulary_head/bias": array(peer.bias),
    }
    for side in ("encoder", "decoder"):
        stack = getattr(peer.transformer, side)
        found |= norm(f"{side}/final_norm", stack.norm)
        for number, layer in enumerate(stack.layers):
            path = f"{side}/block_{number}"
            found |= joint_attention(f"{path}/self_attention", layer.self_attn)
            found |= norm(f"{path}/self_attention_norm", layer.norm1)
            found |= linear(f"{path}/feed_forward/inner", layer.linear1)
            found |= linear(f"{path}/feed_forward/outer", layer.linear2)
            if side == "encoder":
                found |= norm(f"{path}/feed_forward_norm", layer.norm2)
            else:
                found |= joint_attention(f"{path}/cross_attention", layer.multihead_attn)
                found |= norm(f"{path}/cross_attention_norm", layer.norm2)
                found |= norm(f"{path}/feed_forward_norm", layer.norm3)
    return found


def main():
    torch.backends.mha.set_fastpath_enabled(False)
    draws = np.random.default_rng(1)
    source, target = draws.integers(5, SIZE, (3, 9)), draws.integers(5, SIZE, (3, 7))
    source[1, 5:], source[2, 8:], target[0, 4:] = 0, 0, 0
    shifted = np.concatenate([np.full((3, 1), 2), target[:, :-1]], axis=1)
    shifted[0, 4:] = 0
    arrays = {"source": source, "shifted": shifted, "target": target}
    weights = {}
    for norm_first in (False, True):
        for activation in ("relu", "gelu"):
            peer = randomize(Peer(activation, norm_first), seed=2)
            weights = weights_of(peer)  # the same each time: shapes and seed are
            outputs = peer(torch.tensor(source), torch.tensor(shifted))
            name = f"{'pre' if norm_first else 'post'}_{activation}"
            for kind, value in zip(("memory", "hidden", "logits"), outputs, strict=True):
                arrays[f"{kind}_{name}"] = array(value)
            loss = torch.nn.functional.cross_entropy(
                outputs[2].reshape(-1, SIZE), torch.tensor(target).reshape(-1),
                ignore_index=0, label_smoothing=SMOOTHING,
            )  # fmt: skip
            arrays[f"loss_{name}"] = array(loss)
    archive.save("transformer", weights, arrays)


if __name__ == "__main__":
    main()
