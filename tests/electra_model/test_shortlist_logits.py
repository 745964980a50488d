import numpy as np
import tensorflow as tf

from electra_model.config import ModelConfig
from electra_model.electra import Electra
from electra_model.shortlist import LENGTH, Shortlist
from electra_model.shortlist_logits import ShortlistLogits, named
from electra_model.tokenizer import EOS_ID, PAD_ID

LISTS = Shortlist(
    np.array([9, 200], np.int32), np.arange(600, dtype=np.int32).reshape(300, 2)
).of_sources(np.array([[50, 80, EOS_ID], [90, EOS_ID, 0]], np.int32))


def logits_and_model():
    sizes = ModelConfig(num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=32)
    model = Electra.from_config_and_vocabulary(sizes, 300, seed=1)
    model.vocabulary_head.bias.assign(np.random.default_rng(0).normal(size=300))
    return ShortlistLogits(model, (PAD_ID,)), model


def test_each_slot_has_the_logits_of_its_own_list():
    logits, model = logits_and_model()
    state = logits.prepared(tf.constant(LISTS))
    hidden = np.random.default_rng(1).normal(size=(2, 3, 16)).astype(np.float32)
    found = logits(tf.constant(hidden), state).numpy()
    assert found.shape == (2, 3, LENGTH)
    whole = np.asarray(model.logits(tf.constant(hidden)))
    for slot, pieces in enumerate(LISTS):
        there = pieces != PAD_ID
        np.testing.assert_allclose(
            found[slot][:, there], whole[slot][:, pieces[there]], rtol=1e-5, atol=1e-5
        )
        assert (found[slot][:, ~there] < -1e8).all()


def test_only_the_pieces_of_some_list_are_multiplied():
    logits, _ = logits_and_model()
    state = logits.prepared(tf.constant(LISTS))
    wanted = len(np.unique(LISTS))
    assert 10 < wanted < state["rows"].shape[0] <= wanted + 63
    assert state["rows"].shape[0] % 64 == 0


def test_places_are_named():
    chosen = tf.constant([[[0, 3]], [[5, 6]]])
    assert named(chosen, {}) is chosen
    found = named(chosen, {"shortlist": tf.constant(LISTS)}).numpy()
    assert found.tolist() == [[[0, EOS_ID]], [[LISTS[1, 5], LISTS[1, 6]]]]
