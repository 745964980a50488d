"""PyTorch's weights under the names of ours: path of a variable -> float32 array.

A kernel of ours is [inputs, outputs], PyTorch's weight is its transpose; our keys and values come
from one kernel, the keys first.
"""

import types

import numpy as np
import torch


def randomize(model, seed):
    """Draws every parameter anew, biases and normalisations too, so that each of them counts."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            scales = isinstance(module, torch.nn.LayerNorm)
            for name, parameter in module.named_parameters(recurse=False):
                parameter.normal_(0.0, 0.2 if parameter.dim() == 1 else 0.35)
                if scales and name == "weight":
                    parameter.add_(1.0)
    return model.eval()


def array(tensor):
    """A tensor as a NumPy array."""
    return tensor.detach().numpy()


def linear(path, layer):
    """A dense layer."""
    return {f"{path}/kernel": array(layer.weight).T, f"{path}/bias": array(layer.bias)}


def norm(path, layer):
    """A layer normalisation."""
    return {f"{path}/gamma": array(layer.weight), f"{path}/beta": array(layer.bias)}


def attention(path, query, key, value, output):
    """Multi-head attention of four dense layers."""
    keys, values = linear("", key), linear("", value)
    both = {
        f"{path}/key_value{name}": np.concatenate([keys[name], values[name]], axis=-1)
        for name in keys
    }
    return linear(f"{path}/query", query) | both | linear(f"{path}/output", output)


def joint_attention(path, layer):
    """`torch.nn.MultiheadAttention`, whose three projections are one matrix."""
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    parts = [
        types.SimpleNamespace(weight=weight, bias=bias)
        for weight, bias in zip(weights, biases, strict=True)
    ]
    return attention(path, *parts, layer.out_proj)
