"""A model folder with a vocabulary for each side; `test_export` has the one for both."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from electra_model.electra import Electra
from electra_model.errors import InputError
from electra_model.export import load_model, missing_file, save_model
from pipelines.config import VocabularyConfig
from pipelines.vocabularies.vocabulary import tokenizer_of, train_pieces

SOURCES = ["the dog sees the tree", "moon \u2603", "", "the river " * 9]


@pytest.fixture(scope="module")
def sides(sentences):
    """The source's tokenizer and, of another kind, the target's; both of 64 pieces."""
    made = []
    for side, kind in enumerate(("sentencepiece", "wordpiece")):
        words = sorted({word for pair in sentences for word in pair[side].split()})
        config = VocabularyConfig(kind=kind, size=64, character_coverage=1.0)
        found = tokenizer_of(config, train_pieces([(word, 50) for word in words], config))
        made.append(found)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory, sides, one_bucket):
    source, target = sides
    model = Electra.from_config_and_vocabulary(
        one_bucket, source.size, seed=5, target_vocabulary_size=target.size
    )
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) * 1.5)
    place = tmp_path_factory.mktemp("sides") / "model"
    save_model(place, model, source, one_bucket, beam_size=2, target_tokenizer=target)
    return place


def test_the_folder_and_its_description(folder, sides):
    found = [path for side in ("source", "target") for path in (folder / side).iterdir()]
    assert found == [folder / "source" / "spm.model", folder / "target" / "vocab.txt"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.json",
        "saved_model",
        "source",
        "target",
    ]
    described = json.loads((folder / "model.json").read_text())
    assert described["vocabulary"] == {
        "source": {"size": sides[0].size, "fingerprint": sides[0].fingerprint()},
        "target": {"size": sides[1].size, "fingerprint": sides[1].fingerprint()},
    }
    assert described["model"]["tie_embeddings"] is False
    assert [name for name in described["weights"] if name.endswith("embedding/table")] == [
        "embedding/table",
        "target_embedding/table",
    ]


@pytest.mark.slow
def test_each_side_has_its_tokenizer(folder, sides):
    loaded = load_model(folder)
    assert loaded.tokenizer.fingerprint() == sides[0].fingerprint()
    assert loaded.target_tokenizer.fingerprint() == sides[1].fingerprint()
    expected = np.diff(sides[0].encode_columns(SOURCES)[1])
    assert loaded.count_tokens(SOURCES).tolist() == expected.tolist()
    flow = loaded.attention(SOURCES[0], beam_size=2)
    ids = sides[0].encode(tf.constant(SOURCES[:1])).to_list()[0]
    assert flow["source_pieces"] == sides[0].pieces(ids)
    assert {*flow["target_pieces"]} <= {*sides[1].pieces(range(sides[1].size))}


# Of "bpe" the tokenizer in the saved model is SentencePiece's as well.
@pytest.mark.parametrize("kind", ["sentencepiece", "bpe", "wordpiece"])
@pytest.mark.slow
def test_two_vocabularies_of_one_kind_stay_apart(kind, sentences, one_bucket, tmp_path):
    """A saved model finds what it decodes with by name, and the names must differ.

    The target has more pieces, and the model says the last of them only.
    """
    made = []
    for size, words in ((64, ["dog", "tree"]), (90, [f"Wort{n}" for n in range(40)])):
        config = VocabularyConfig(kind=kind, size=size, character_coverage=1.0)
        counted = [(word, 50) for word in words]
        made.append(tokenizer_of(config, train_pieces(counted, config)))
    source, target = made
    assert source.size < target.size
    model = Electra.from_config_and_vocabulary(
        one_bucket, source.size, seed=5, target_vocabulary_size=target.size
    )
    bias = np.zeros(target.size, np.float32)
    bias[target.size - 1] = 100
    model.vocabulary_head.bias.assign(bias)
    save_model(tmp_path / "model", model, source, one_bucket, beam_size=1, target_tokenizer=target)
    served = tf.saved_model.load(str(tmp_path / "model" / "saved_model"))
    found = served.signatures["serving_default"](text=tf.constant(["dog"]))["output"].numpy()
    outputs, _ = load_model(tmp_path / "model").translate(["dog"], beam_size=1)
    (piece,) = target.pieces([target.size - 1])
    assert piece.strip("\u2581") in outputs[0]
    assert [text.decode() for text in found] == outputs


@pytest.mark.slow
def test_the_saved_model_says_the_same(folder):
    outputs, scores = load_model(folder).translate(SOURCES, beam_size=2, length_penalty=0.6)
    assert any(outputs) and outputs[2] == ""
    served = tf.saved_model.load(str(folder / "saved_model"))
    found = served.signatures["serving_default"](text=tf.constant(SOURCES))
    assert [text.decode() for text in found["output"].numpy()] == outputs
    np.testing.assert_allclose(found["score"].numpy(), scores, rtol=1e-5)


def refused(folder):
    with pytest.raises(InputError) as caught:
        load_model(folder)
    return str(caught.value)


def test_vocabularies_that_do_not_belong_there(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    for name in ("source", "target"):
        (copy / name).rename(copy / f"{name}-")
    (copy / "source-").rename(copy / "target")
    (copy / "target-").rename(copy / "source")
    assert refused(copy).startswith(f"{copy}/source/vocab.txt: is not the vocabulary this model")
    shutil.rmtree(copy / "source")
    assert refused(copy).startswith(f"{copy}/source/spm.model: cannot be read")
    assert missing_file(copy) == "source/spm.model or source/vocab.txt"
    # One of both sides, where the model has one for each.
    shutil.copy(copy / "target" / "spm.model", copy / "spm.model")
    assert "one of one side, target/spm.model" in refused(copy)
    shutil.rmtree(copy / "target")
    assert refused(copy).startswith(f"{copy}/spm.model: is not the vocabulary this model")


@pytest.mark.parametrize("vocabulary", [{"size": 3}, {"source": {"fingerprint": "a"}}, []])
def test_a_description_without_fingerprints(folder, tmp_path, vocabulary):
    copy = shutil.copytree(folder, tmp_path / "copy")
    metadata = json.loads((copy / "model.json").read_text()) | {"vocabulary": vocabulary}
    (copy / "model.json").write_text(json.dumps(metadata))
    assert refused(copy).startswith(f"{copy}/model.json: cannot be read (")


@pytest.mark.slow
def test_a_model_with_two_vocabularies_is_replaced(folder, sides, one_bucket, tmp_path):
    """A folder that a kill left without its description is still known as a model's."""
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / "model.json").unlink()
    model = Electra.from_config_and_vocabulary(one_bucket, sides[0].size)
    save_model(copy, model, sides[0], one_bucket)
    assert sorted(path.name for path in copy.iterdir()) == [
        "model.json",
        "saved_model",
        "spm.model",
    ]
