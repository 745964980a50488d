import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from electra_model import checkpoint, export
from electra_model.config import ModelConfig, PretrainConfig
from electra_model.discriminator import Discriminator
from electra_model.errors import InputError
from electra_model.export import load_model, save_model
from electra_model.pretraining import ReplacedTokenDetection

SIZES = ModelConfig(
    num_layers=2, num_decoder_layers=1, d_model=16, num_heads=2, dff=32, max_length=48
)


@pytest.fixture(scope="module")
def pretrained(tokenizer):
    """A whole pretraining's network, whose head is no longer what it was made as."""
    model = ReplacedTokenDetection(SIZES, PretrainConfig(), tokenizer.size, seed=3)
    head = model.discriminator_head
    head.prediction.bias.assign([0.7])
    head.prediction.kernel.assign(head.prediction.kernel * 20.0)
    return model


def of(pretrained, tokenizer, reads_pairs):
    tensors = checkpoint.tensors_of(pretrained.variables)
    return Discriminator(SIZES, tokenizer.size, reads_pairs).restore(tensors)


@pytest.fixture(scope="module")
def alone(pretrained, tokenizer):
    return of(pretrained, tokenizer, False)


@pytest.fixture(scope="module")
def over_pairs(pretrained, tokenizer):
    return of(pretrained, tokenizer, True)


def ids_of(tokenizer, text):
    return tokenizer.encode_columns([text])[0].astype(np.int32)


def expected(pretrained, ids):
    """By the pretraining's own network, one row without padding."""
    return tf.sigmoid(pretrained(tf.constant(ids[None]))).numpy()[0]


def test_it_says_what_the_pretrained_network_says(pretrained, alone, over_pairs, tokenizer):
    source, output = "the dog sees the tree", "der Hund sieht den Baum"
    first, second = ids_of(tokenizer, source), ids_of(tokenizer, output)
    (found,) = alone.replaced(tokenizer, [source], [output])
    assert found.dtype == np.float32 and len(found) == len(second)
    np.testing.assert_allclose(found, expected(pretrained, second), atol=1e-5)
    (found,) = over_pairs.replaced(tokenizer, [source], [output])
    both = expected(pretrained, np.concatenate([first, second]))
    np.testing.assert_allclose(found, both[len(first) :], atol=1e-5)
    assert not np.allclose(found, expected(pretrained, second), atol=1e-3)


def test_longer_than_it_reads(pretrained, over_pairs, tokenizer):
    long = "der Hund sieht den Baum " * 6
    ids = ids_of(tokenizer, long)
    assert len(ids) > 48
    pieces = [ids[start : start + 48] for start in range(0, len(ids), 48)]
    whole = np.concatenate([expected(pretrained, piece) for piece in pieces])
    found = over_pairs.replaced(
        tokenizer, ["the dog", "", "the moon " * 20], [long, "Hund", "Mond"]
    )
    np.testing.assert_allclose(found[0], whole, atol=1e-5)
    for one, text in zip(found[1:], ("Hund", "Mond"), strict=True):
        np.testing.assert_allclose(one, expected(pretrained, ids_of(tokenizer, text)), atol=1e-5)


def test_an_output_does_not_depend_on_its_neighbours(over_pairs, tokenizer, sentences):
    sources, outputs = map(list, zip(*sentences, strict=True))
    together = over_pairs.replaced(tokenizer, sources, outputs)
    for place in (0, 7, 19):
        (alone,) = over_pairs.replaced(tokenizer, sources[place:][:1], outputs[place:][:1])
        assert alone.tobytes() == together[place].tobytes()
    assert over_pairs.replaced(tokenizer, [], []) == []
    (empty,) = over_pairs.replaced(tokenizer, ["the dog"], [""])
    assert len(empty) == 1, "the end mark is judged too"


def test_it_is_kept_in_bytes(alone, tokenizer):
    data = alone.to_bytes()
    assert data == alone.to_bytes()
    again = Discriminator(SIZES, tokenizer.size, False).restore_bytes(data)
    for one, other in zip(alone.variables, again.variables, strict=True):
        assert one.path == other.path and np.array_equal(one.numpy(), other.numpy())
    for damaged in (b"", b"nothing", data[: len(data) // 2]):
        with pytest.raises(ValueError):
            Discriminator(SIZES, tokenizer.size, False).restore_bytes(damaged)
    wider = dataclasses.replace(SIZES, d_model=32)
    with pytest.raises(ValueError, match="shape"):
        Discriminator(wider, tokenizer.size, False).restore_bytes(data)


@pytest.mark.slow
def test_it_goes_with_the_model(over_pairs, saved, tokenizer, tmp_path):
    plain, model, metadata = saved
    sizes = ModelConfig(**metadata["model"])
    described = save_model(tmp_path / "model", model, tokenizer, sizes, discriminator=over_pairs)
    assert described["fingerprint"] != metadata["fingerprint"]
    assert load_model(plain).discriminator is None
    loaded = load_model(tmp_path / "model")
    assert loaded.discriminator is not None and loaded.discriminator.reads_pairs
    found = [
        one.replaced(tokenizer, ["the dog"], ["der Hund"])[0]
        for one in (over_pairs, loaded.discriminator)
    ]
    assert np.array_equal(*found)

    file = tmp_path / "model" / "discriminator.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"discriminator.npz: cannot be read \(is not that of"):
        load_model(tmp_path / "model")
    file.unlink()
    with pytest.raises(InputError, match="discriminator.npz: cannot be read"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("wrong", [{"model": {"d_model": 7}}, {"model": 3}, {}, 5])
def test_a_damaged_description(over_pairs, saved, tokenizer, tmp_path, wrong):
    folder = tmp_path / "model"
    shutil.copytree(saved[0], folder)
    data = over_pairs.to_bytes()
    (folder / "discriminator.npz").write_bytes(data)
    card = json.loads((folder / "model.json").read_text())
    whole = {"sha256": hashlib.sha256(data).hexdigest(), "reads_pairs": True}
    card["discriminator"] = whole | wrong if isinstance(wrong, dict) else wrong
    # As if it had been written so: the fingerprint agrees.
    card["fingerprint"] = export._fingerprint(load_model(saved[0]).model.trainable_variables, card)
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"discriminator.npz: cannot be read"):
        load_model(folder)
