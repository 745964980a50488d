"""The golden files: what an independent implementation computed, and from which weights.

An archive holds `weights/<path of our variable>` and beside them inputs and outputs. It needs NumPy
alone, so that the scripts run where TensorFlow is not and the tests where PyTorch is not.
"""

import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent


def save(name, weights, arrays):
    """Writes `name`.npz; the same arrays give the same bytes."""
    named = {f"weights/{path}": value for path, value in weights.items()}
    np.savez_compressed(FOLDER / f"{name}.npz", **named, **arrays)


def load(name):
    """Weights by the paths of our variables, and everything else by name."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    weights = {
        key.removeprefix("weights/"): arrays.pop(key)
        for key in list(arrays)
        if key.startswith("weights/")
    }
    return weights, arrays


def assign(model, weights):
    """Puts every weight in its place: neither the model nor the archive has one more."""
    variables = {variable.path: variable for variable in model.trainable_variables}
    assert sorted(variables) == sorted(weights)
    for path, variable in variables.items():
        variable.assign(weights[path])
