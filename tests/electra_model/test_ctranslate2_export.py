"""The network that CTranslate2 computes is ours: log-probabilities of the same outputs."""

import json

import ctranslate2
import numpy as np
import pytest
import tensorflow as tf

from electra_model.config import ModelConfig
from electra_model.ctranslate2_export import export, vocabulary
from electra_model.electra import Electra
from electra_model.errors import InputError
from electra_model.export import load_model, save_model
from electra_model.inference import LoadedModel
from electra_model.tokenizer import BOS_ID, EOS_ID

SIZES = dict(num_layers=2, num_decoder_layers=1, d_model=16, num_heads=2, dff=24, max_length=16)
NETWORKS = {
    "pre": {},
    "post": dict(norm="post"),
    "post without the last norm": dict(norm="post", final_norm=False),
    "gelu": dict(activation="gelu"),
    "swish": dict(activation="swish"),
    "swiglu": dict(activation="swiglu"),
    "learned": dict(position_encoding="learned"),
    "rotary": dict(position_encoding="rotary"),
    "two tables": dict(tie_embeddings=False),
    "narrow": dict(embedding_dim=6),
    "narrow and unscaled": dict(embedding_dim=6, scale_embeddings=False, tie_embeddings=False),
    "published": dict(
        norm="post",
        activation="gelu",
        position_encoding="learned",
        scale_embeddings=False,
        embedding_norm=True,
        final_norm=False,
        norm_epsilon=1e-12,
    ),
}
SOURCES = [[7, 9, 5, 11], [8], [20, 21, 22, 6, 7, 8, 9, 10, 30]]
TARGETS = [[12, 13], [40, 41, 42, 15, 16], [33]]


def drawn(model, seed):
    """Draws every weight, biases and normalisations too: each must find its place."""
    draws = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        noise = draws.normal(0, 0.3, variable.shape).astype("float32")
        variable.assign(np.asarray(variable) + noise)


def loaded_of(settings, tokenizer, target_tokenizer=None):
    config = ModelConfig(**SIZES | settings)
    size = target_tokenizer.size if target_tokenizer else None
    model = Electra.from_config_and_vocabulary(
        config, tokenizer.size, seed=2, target_vocabulary_size=size
    )
    drawn(model, 4)
    card = {"model": config.resolved().settings(), "buckets": [16], "fingerprint": "f" * 16}
    return LoadedModel(model, tokenizer, card | {"weights": ["w"]}, target_tokenizer)


def our_scores(model, source, target):
    given = np.array([[*source, EOS_ID]], np.int32), np.array([[BOS_ID, *target]], np.int32)
    probabilities = tf.nn.log_softmax(tf.convert_to_tensor(model(given))).numpy()[0]
    return probabilities[np.arange(len(target) + 1), [*target, EOS_ID]]


def their_scores(folder, loaded, source, target):
    translator = ctranslate2.Translator(str(folder), compute_type="float32", intra_threads=1)
    sides = vocabulary(loaded.tokenizer), vocabulary(loaded.target_tokenizer)
    given = [sides[0][number] for number in source]
    wanted = [sides[1][number] for number in target]
    (found,) = translator.score_batch([given], [wanted])
    return np.array(found.log_probs)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network(name, tokenizer, tmp_path):
    loaded = loaded_of(NETWORKS[name], tokenizer)
    export(loaded, tmp_path / "exported")
    for source, target in zip(SOURCES, TARGETS, strict=True):
        expected = our_scores(loaded.model, source, target)
        found = their_scores(tmp_path / "exported", loaded, source, target)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)


def test_a_vocabulary_on_each_side(tokenizer, sentences, tmp_path):
    from electra_model.wordpiece_tokenizer import WordPieceTokenizer

    pieces = ["<pad>", "<unk>", "<s>", "</s>", "<mask>", "\u2581", *"abcdefghijklmnopqrstuvwxyz"]
    target = WordPieceTokenizer("\n".join(pieces).encode() + b"\n")
    loaded = loaded_of({}, tokenizer, target)
    folder = tmp_path / "exported"
    export(loaded, folder)
    found = their_scores(folder, loaded, SOURCES[0], [6, 7, 31])
    expected = our_scores(loaded.model, SOURCES[0], [6, 7, 31])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("config.json", "model.bin", "model.json", "source", "source_vocabulary.json"),
        *("target", "target_vocabulary.json"),
    ]
    assert (folder / "target" / "vocab.txt").read_bytes() == target.model_bytes


def test_the_folder(saved, loaded, tokenizer, tmp_path):
    folder = tmp_path / "exported"
    export(loaded, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("config.json", "model.bin", "model.json", "shared_vocabulary.json", "spm.model"),
    ]
    assert json.loads((folder / "config.json").read_text()) == {
        "add_source_bos": False,
        "add_source_eos": True,
        "bos_token": "<s>",
        "decoder_start_token": "<s>",
        "eos_token": "</s>",
        "layer_norm_epsilon": 1e-6,
        "multi_query_attention": False,
        "unk_token": "<unk>",
    }
    card = json.loads((folder / "model.json").read_text())
    assert card["format"] == "ctranslate2" and card["fingerprint"] == loaded.fingerprint
    first = (folder / "model.bin").read_bytes()
    export(loaded, folder)  # in the place of the first
    assert (folder / "model.bin").read_bytes() == first
    with pytest.raises(InputError, match="exported: is in the format of CTranslate2; name the"):
        load_model(folder)


def test_other_numbers_are_another_model(loaded, tmp_path):
    before = np.asarray(loaded.model.embedding.table).copy()
    sizes, fingerprints = {}, set()
    for quantization in ("float32", "float16", "int8"):
        export(loaded, tmp_path / quantization, quantization)
        sizes[quantization] = (tmp_path / quantization / "model.bin").stat().st_size
        card = json.loads((tmp_path / quantization / "model.json").read_text())
        fingerprints.add(card["fingerprint"])
    assert sizes["float16"] < sizes["float32"] > sizes["int8"]
    assert len(fingerprints) == 3
    assert np.array_equal(np.asarray(loaded.model.embedding.table), before)


@pytest.mark.slow
def test_a_model_folder_is_not_overwritten(saved, loaded, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("[")
    for place in (saved[0], tmp_path / "broken"):
        with pytest.raises(InputError, match="is not a model in the format of CTranslate2"):
            export(loaded, place)
    save_model(tmp_path / "model", loaded.model, loaded.tokenizer, ModelConfig(**SIZES))
    with pytest.raises(InputError, match="is not a model in the format of CTranslate2"):
        export(loaded, tmp_path / "model")


def test_a_network_without_a_counterpart(tokenizer, tmp_path):
    loaded = loaded_of(dict(embedding_norm=True, embedding_dim=6), tokenizer)
    with pytest.raises(InputError, match="CTranslate2 cannot normalise embeddings before"):
        export(loaded, tmp_path / "exported")


def test_pieces_must_differ():
    class Twice:
        file_name, size = "vocab.txt", 3

        def pieces(self, ids):
            return ["a", "b", "a"]

    with pytest.raises(InputError, match="vocab.txt: has the piece 'a' twice"):
        vocabulary(Twice())
