import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from electra_model.config import ModelConfig
from electra_model.electra import Electra
from electra_model.errors import InputError
from electra_model.export import load_model, missing_file, read_metadata, save_model
from electra_model.tokenizer import Tokenizer
from pipelines.config import VocabularyConfig
from pipelines.vocabularies.vocabulary import tokenizer_of, train_pieces

SOURCE = np.array([[7, 9, 5, 3], [8, 6, 3, 0]], np.int32)
TARGET = np.array([[2, 11, 12], [2, 15, 0]], np.int32)


def test_the_folder_and_its_description(saved, tokenizer):
    folder, model, metadata = saved
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.json",
        "saved_model",
        "spm.model",
    ]
    assert json.loads((folder / "model.json").read_text()) == metadata == read_metadata(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"], "nothing left beside it"
    expected = {
        "format_version": 1,
        "task": "translate",
        "source_lang": "en",
        "target_lang": "de",
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "vocabulary": {"size": tokenizer.size, "fingerprint": tokenizer.fingerprint()},
        "buckets": [16, 24],
        "decoding": {"beam_size": 2, "length_penalty": 0.6},
        "weights": [v.path for v in model.trainable_variables],
        "training": {"steps": 0},
    }
    assert {key: metadata[key] for key in expected} == expected
    assert set(metadata) == {*expected, "model", "fingerprint"}
    assert metadata["model"]["d_model"] == 16 and None not in metadata["model"].values()
    assert len(metadata["fingerprint"]) == 16


def test_what_was_saved_is_what_is_loaded(saved, loaded):
    expected = np.asarray(saved[1]((SOURCE, TARGET)))
    assert np.array_equal(np.asarray(loaded.model((SOURCE, TARGET))), expected)
    assert loaded.metadata == saved[2] and loaded.fingerprint == saved[2]["fingerprint"]
    assert loaded.source_max_length == 24


SERVE = """
    import json, sys
    import tensorflow as tf
    import tensorflow_text

    model = tf.saved_model.load(sys.argv[1])
    texts = json.loads(sys.argv[2])
    answers = {}
    for name, chosen in (("serving_default", texts), ("greedy", texts[:3]), ("none", [])):
        serve = model.signatures["serving_default" if name == "none" else name]
        found = serve(text=tf.constant(chosen, tf.string))
        output = [text.decode() for text in found["output"].numpy()]
        answers[name] = [output, found["score"].numpy().tolist()]
    scores = model.signatures["attention"](
        text=tf.constant(texts[:1]), output=tf.constant(answers["serving_default"][0][:1])
    )
    answers["attention"] = {name: value.numpy().tolist() for name, value in scores.items()}
    ours = [name for name in sys.modules if name.split(".")[0] in ("electra_model", "runners")]
    print(json.dumps({"answers": answers, "ours": ours}))
"""


def serve(folder, texts, cwd):
    """What a process with nothing of ours answers."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SERVE), folder / "saved_model", json.dumps(texts)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ours"] == []
    return found["answers"]


def test_the_saved_model_needs_tensorflow_alone(saved, loaded, sentences, tmp_path):
    texts = [source for source, _ in sentences[:5]]
    texts += ["dog", "", "the dog sees the tree " * 5]
    assert loaded.count_tokens(texts[:3]).max() <= 16, "one bucket for the greedy ones"
    answers = serve(saved[0], texts, tmp_path)
    for name, chosen, beam_size in (("serving_default", texts, 2), ("greedy", texts[:3], 1)):
        outputs, scores = loaded.translate(chosen, beam_size=beam_size, length_penalty=0.6)
        assert answers[name][0] == outputs
        np.testing.assert_allclose(answers[name][1], scores, rtol=1e-6)
    assert answers["none"] == [[], []]
    expected = loaded.attention(texts[0], beam_size=2)
    found = answers["attention"]
    np.testing.assert_allclose(found["encoder"], expected["encoder"], atol=1e-5)
    # The output is read again from its text, which may be cut into other pieces.
    assert np.shape(found["decoder_cross"])[-1] == len(expected["source_pieces"])
    np.testing.assert_allclose(np.sum(found["decoder_cross"], axis=-1), 1.0, atol=1e-5)
    assert len(found["target_ids"][0]) == np.shape(found["decoder_self"])[-1]


@pytest.mark.slow
def test_a_model_of_other_settings_with_a_list_of_pieces(sentences, tmp_path):
    """Rotary positions, gates, narrow embeddings and other normalisations, on both sides."""
    words = sorted({word for pair in sentences for word in " ".join(pair).split()})
    vocabulary = VocabularyConfig(kind="wordpiece", size=90, symbols=("<2de>",))
    tokenizer = tokenizer_of(vocabulary, train_pieces([(word, 5) for word in words], vocabulary))
    config = ModelConfig(
        num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=32, max_length=24,
        position_encoding="rotary", activation="swiglu", embedding_dim=8, norm="post",
        scale_embeddings=False, embedding_norm=True, final_norm=False, norm_epsilon=1e-12,
    )  # fmt: skip
    model = Electra.from_config_and_vocabulary(config, tokenizer.size, seed=5)
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) * 1.5)
    save_model(tmp_path / "model", model, tokenizer, config, beam_size=2)
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == ["model.json", "saved_model", "vocab.txt"]
    loaded = load_model(tmp_path / "model")
    assert ModelConfig(**loaded.metadata["model"]) == config.resolved()
    assert loaded.tokenizer.fingerprint() == tokenizer.fingerprint()
    expected = np.asarray(model((SOURCE, TARGET)))
    assert np.array_equal(np.asarray(loaded.model((SOURCE, TARGET))), expected)
    texts = ["<2de> the dog", "moon \u2603", "the dog sees the tree"]
    answers = serve(tmp_path / "model", texts, tmp_path)
    outputs, scores = loaded.translate(texts, beam_size=2, length_penalty=0.6)
    assert answers["serving_default"][0] == outputs
    np.testing.assert_allclose(answers["serving_default"][1], scores, rtol=1e-5)
    (tmp_path / "model" / "vocab.txt").write_bytes(tokenizer.model_bytes + b"so\n")
    assert "vocab.txt: is not the vocabulary" in refused(tmp_path / "model")
    assert missing_file(tmp_path / "model") is None
    (tmp_path / "model" / "vocab.txt").unlink()
    assert missing_file(tmp_path / "model") == "spm.model or vocab.txt"


# === what is refused ===


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved[0], tmp_path / "copy")


def rewrite(copy, **changes):
    path = copy / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(folder):
    with pytest.raises(InputError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_no_model_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for folder in (tmp_path, tmp_path / "missing"):
        assert refused(folder).startswith(f"{folder}: is not a model folder (it has no model.json)")
    assert refused(tmp_path / "notes.txt").startswith(f"{tmp_path}/notes.txt/model.json: cannot be")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format_version": 1}'])
def test_a_damaged_description(copy, text):
    (copy / "model.json").write_text(text)
    assert refused(copy).startswith(f"{copy}/model.json: cannot be read (")


def test_a_description_of_impossible_sizes(copy):
    rewrite(copy, model={"preset": "huge"})
    assert "model.json: cannot be read (ValidationError" in refused(copy)


def test_another_version(copy):
    rewrite(copy, format_version=2, model={"new": "sizes"})
    expected = f"{copy}/model.json: format version 2, this program reads 1"
    assert refused(copy) == expected


def test_another_vocabulary(copy):
    rewrite(copy, vocabulary={"size": 60, "fingerprint": "0" * 16})
    assert "spm.model: is not the vocabulary this model was trained with" in refused(copy)
    (copy / "spm.model").write_bytes(b"nothing")
    assert "is not a SentencePiece model" in refused(copy)
    (copy / "spm.model").unlink()
    assert f"{copy}/spm.model: cannot be read" in refused(copy)


def test_weights_that_do_not_belong_to_the_description(copy):
    metadata = read_metadata(copy)
    rewrite(copy, fingerprint="0" * 16)
    assert "weights and model.json do not belong together" in refused(copy)
    rewrite(copy, fingerprint=metadata["fingerprint"], model=metadata["model"] | {"dff": 64})
    assert "weights and model.json do not belong together" in refused(copy)


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_damaged_weights(copy, damage):
    path = next((copy / "saved_model" / "variables").glob("*.data-*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    if damage == "missing":
        shutil.rmtree(copy / "saved_model")
    message = refused(copy)
    assert message.endswith("export the model again") and str(copy) in message


def test_what_is_no_model_is_not_overwritten(saved, tokenizer, tiny_config, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("dear")
    (tmp_path / "file").write_text("dear")
    for name in ("letters", "file"):
        with pytest.raises(InputError, match="is not a model folder and would be overwritten"):
            save_model(tmp_path / name, saved[1], tokenizer, tiny_config)
    assert (tmp_path / "letters" / "love.txt").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "letters"]


@pytest.mark.slow
def test_what_a_kill_has_left_is_in_nobodys_way(saved, tokenizer, one_bucket, tmp_path):
    folder, model, _ = saved
    place = shutil.copytree(folder, tmp_path / "model")
    (place / "model.json").unlink()
    for name in (".model.tmp-abc", ".model.old-7"):
        shutil.copytree(folder, tmp_path / name)
    save_model(place, model, tokenizer, one_bucket)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    assert missing_file(place) is None
    (place / "spm.model").unlink()
    assert missing_file(place) == "spm.model or vocab.txt"


@pytest.mark.slow
def test_a_model_is_replaced_and_its_fingerprint_follows_the_weights(
    saved, tokenizer, tiny_config, tmp_path
):
    folder, model, metadata = saved
    place = shutil.copytree(folder, tmp_path / "model")
    (place / "old.txt").write_text("old")
    table = model.embedding.table
    before = np.asarray(table)
    try:
        table.assign(table + 0.5)
        changed = save_model(place, model, tokenizer, tiny_config)
    finally:
        table.assign(before)
    assert changed["fingerprint"] != metadata["fingerprint"]
    assert sorted(path.name for path in place.iterdir()) == [
        "model.json",
        "saved_model",
        "spm.model",
    ]
    assert read_metadata(place) == changed
    assert isinstance(Tokenizer.load(str(place)), Tokenizer)
