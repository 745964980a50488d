import json
import pathlib
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from electra_model import buckets
from electra_model.config import ModelConfig
from electra_model.ctranslate2_export import export
from electra_model.ctranslate2_model import CTranslate2Model
from electra_model.electra import Electra
from electra_model.errors import InputError
from electra_model.inference import LoadedModel
from electra_model.tokenizer import BOS_ID, EOS_ID, MASK_ID, PAD_ID, UNK_ID


@pytest.fixture(scope="module")
def texts(sentences, tokenizer):
    """200 texts, of up to 16 tokens."""
    words = sorted({word for pair in sentences for text in pair for word in text.split()})
    draws = np.random.default_rng(1)
    drawn = [" ".join(draws.choice(words, size=1 + number % 8)) for number in range(600)]
    lengths = np.diff(tokenizer.encode_columns(drawn)[1])
    return [text for text, length in zip(drawn, lengths, strict=True) if length <= 16][:200]


@pytest.fixture(scope="module")
def pair(tokenizer, tmp_path_factory):
    """A model that is not trained, is sure of what it says and comes to an end, and the same in
    CTranslate2."""
    config = ModelConfig(
        num_layers=2,
        num_decoder_layers=2,
        d_model=16,
        num_heads=2,
        dff=32,
        max_length=16,
        tie_embeddings=False,
    )
    model = Electra.from_config_and_vocabulary(config, tokenizer.size, seed=7)
    draws = np.random.default_rng(3)
    for variable in model.trainable_variables:
        noise = draws.normal(0, 0.3, variable.shape).astype("float32")
        variable.assign(np.asarray(variable) * 2.0 + noise)
    bias = model.vocabulary_head.bias
    bias.assign(np.asarray(bias) + 8.0 * (np.arange(tokenizer.size) == EOS_ID))
    card = {"model": config.resolved().settings(), "buckets": [16], "fingerprint": "f" * 16}
    loaded = LoadedModel(model, tokenizer, card)
    folder = tmp_path_factory.mktemp("exported") / "model"
    export(loaded, folder)
    return loaded, CTranslate2Model(folder), folder


def ends_at_once(ours, texts):
    """float [n]: the probability of the end mark as the first token, where tokens that are never
    output have none."""
    values, offsets = ours.tokenizer.encode_columns(texts)
    source = buckets.pad(values, offsets, np.arange(len(texts)), 16)
    logits = np.array(ours.model((source, np.full((len(texts), 1), BOS_ID, np.int32))))[:, 0]
    logits[:, [PAD_ID, UNK_ID, BOS_ID, MASK_ID]] = -np.inf
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True))[:, EOS_ID]


def lengths_of(theirs, texts, beam_size, length_penalty=0.0):
    rows = [theirs.tokenizer.pieces(theirs.tokenizer.encode_columns([one])[0]) for one in texts]
    found, _ = theirs.search_pieces([row[:-1] for row in rows], beam_size, length_penalty)
    return map(len, found)


@pytest.mark.parametrize("beam_size", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_the_search_finds_what_ours_finds(pair, texts, beam_size):
    ours, theirs, _ = pair
    expected, scores = ours.translate(texts, beam_size=beam_size, length_penalty=0.0)
    found, their_scores = theirs.translate(texts, beam_size=beam_size, length_penalty=0.0)
    assert len(set(expected)) > 40, "the model says various things"
    same = np.array([one == other for one, other in zip(expected, found, strict=True)])
    # What is cut because it is too long has another end, and another score.
    whole = np.array([length < 15 for length in lengths_of(theirs, texts, beam_size)])
    assert whole.mean() > 0.3
    # The end mark cannot be the first token: the library takes its share for the others.
    scores = scores - np.log1p(-ends_at_once(ours, texts))
    chosen = whole & same
    np.testing.assert_allclose(their_scores[chosen], scores[chosen], rtol=0, atol=1e-3)
    if beam_size == 1:
        assert same.all()
    else:
        # Of what ends, the library sees the best of a step alone.
        assert (same | (scores > their_scores))[whole].mean() >= 0.99
        assert same[whole].mean() > 0.9


def test_a_length_penalty_is_that_of_our_search(pair, texts):
    theirs = pair[1]
    for beam_size in (1, 4):
        found, scores = theirs.translate(texts, beam_size=beam_size, length_penalty=0.7)
        lengths = np.fromiter(lengths_of(theirs, texts, beam_size, 0.7), int)
        plain, sums = theirs.translate(texts, beam_size=beam_size, length_penalty=0.0)
        same = np.array([one == other for one, other in zip(found, plain, strict=True)])
        expected = sums / ((5 + lengths + 1) / 6) ** 0.7
        np.testing.assert_allclose(scores[same], expected[same], rtol=1e-5)
        assert same.all() if beam_size == 1 else 0.3 < same.mean() < 1
    assert lengths.mean() > np.fromiter(lengths_of(theirs, texts, 4), int).mean()


def test_outputs_are_bounded_and_never_empty(pair, texts):
    _, theirs, _ = pair
    found, scores = theirs.translate(
        ["", *texts[:8], "   "], beam_size=2, length_penalty=0.6, max_length=4
    )
    assert found[0] == found[-1] == "" and scores[0] == scores[-1] == 0
    pieces = [["▁the"]] * 2 + [[]]
    ids, _ = theirs.search_pieces(pieces, 1, 0.0, max_length=2)
    assert len(ids[0]) == 1 and ids[0] == ids[1] and ids[2] == []
    assert all(found[1:-1])


@pytest.mark.parametrize("compute_type", ["float32", pytest.param("int8", marks=pytest.mark.slow)])
def test_a_text_does_not_depend_on_its_neighbours(pair, texts, compute_type):
    """In a process of its own, for the library computes as it was told first."""
    program = """
        import json, sys
        from electra_model.ctranslate2_model import CTranslate2Model

        model, texts = CTranslate2Model(sys.argv[1], sys.argv[2]), json.loads(sys.argv[3])
        settings = dict(beam_size=3, length_penalty=0.6)
        together = model.translate(texts, **settings)
        some = model.translate(texts[::-3], **settings)
        alone = [model.translate([text], **settings) for text in texts[::-3]]
        assert some[0] == together[0][::-3] == [one for (one,), _ in alone]
        assert some[1].tolist() == together[1][::-3].tolist()
        assert some[1].tolist() == [float(score) for _, (score,) in alone]
        print(len(alone))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), pair[2], compute_type, json.dumps(texts)],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["67"], done.stderr


def test_folders_that_are_none(pair, tmp_path):
    with pytest.raises(InputError, match="model.json: cannot be read .FileNotFoundError.; make"):
        CTranslate2Model(tmp_path)
    card = json.loads((pair[2] / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(card | {"format": None}))
    with pytest.raises(InputError, match="is no model in the format of CTranslate2"):
        CTranslate2Model(tmp_path)
    copy = shutil.copytree(pair[2], tmp_path / "copy")
    (copy / "model.bin").write_bytes(b"")
    with pytest.raises(InputError, match="copy: cannot be loaded .*; export it again"):
        CTranslate2Model(copy)
