import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_model import checkpoint
from electra_model.config import ModelConfig, OptimizerConfig
from electra_model.electra import Electra
from electra_model.embeddings import LearnedPositions
from electra_model.losses import vocabulary_cross_entropy
from electra_model.optimizer import ClippedUpdate, build_optimizer
from electra_model.schedules import learning_rate
from electra_model.tokenizer import BOS_ID

SOURCE = np.array([[7, 9, 5, 3], [8, 6, 3, 0]], np.int32)
TARGET = np.array([[2, 11, 12, 13, 14], [2, 15, 16, 0, 0]], np.int32)


# === the constructor ===


def test_the_constructor_of_the_seed():
    parameters = list(inspect.signature(Electra).parameters.values())
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [(p.name, p.default) for p in positional] == [
        ("num_layers", inspect.Parameter.empty),
        ("d_model", inspect.Parameter.empty),
        ("num_heads", inspect.Parameter.empty),
        ("dff", inspect.Parameter.empty),
        ("input_vocab_size", inspect.Parameter.empty),
        ("target_vocab_size", inspect.Parameter.empty),
        ("position_encoding_input", inspect.Parameter.empty),
        ("position_encoding_target", inspect.Parameter.empty),
        ("dropout", 0.1),
    ]
    assert all(p.default is not p.empty for p in parameters[9:]), "the others are optional"


def even_and_odd(positions):
    """A position encoding of the user's own: position modulo 2 in one place of the vector."""
    return keras.ops.one_hot(positions % 2, 16)


@pytest.mark.parametrize(
    "encoding",
    ["sinusoidal", "learned", "rotary", LearnedPositions(16, 32, name="own"), even_and_odd],
    ids=["name", "trained name", "angles", "layer", "callable"],
)
def test_position_encodings_of_every_kind(encoding):
    model = Electra(1, 16, 4, 32, 20, 30, encoding, encoding)
    assert model((SOURCE, TARGET)).shape == (2, 5, 30)
    swapped = np.asarray(model((SOURCE[:1, [1, 0, 2, 3]], TARGET[:1])))
    assert abs(swapped - np.asarray(model((SOURCE[:1], TARGET[:1])))).max() > 1e-4


def test_an_unknown_position_encoding_is_refused():
    with pytest.raises(ValueError, match="'clock'; known: learned, rotary, sinusoidal"):
        Electra(1, 16, 4, 32, 20, 30, "clock", "sinusoidal")


def test_its_config_makes_the_same_model(make_model):
    model = make_model(
        num_decoder_layers=2,
        activation="swiglu",
        norm="post",
        target_vocab_size=25,
        position_encoding_input="rotary",
        position_encoding_target="learned",
        dropout=0.3,
        embedding_dim=6,
        scale_embeddings=False,
        embedding_norm=True,
        final_norm=False,
        norm_epsilon=1e-3,
    )
    again = Electra(**model.get_config())
    assert again.get_config() == model.get_config()
    assert set(inspect.signature(Electra).parameters) == set(model.get_config())
    expected = np.asarray(model((SOURCE, TARGET)))
    assert np.array_equal(np.asarray(again((SOURCE, TARGET))), expected)


def test_the_model_of_a_job_file():
    config = ModelConfig(preset="tiny", num_layers=1, d_model=8, num_heads=2, dropout=0.2)
    model = Electra.from_config_and_vocabulary(config, 40, seed=9)
    found = model.get_config()
    assert (found["num_layers"], found["num_decoder_layers"], found["dff"]) == (1, 2, 768)
    assert (found["input_vocab_size"], found["target_vocab_size"]) == (40, 40)
    assert (found["dropout"], found["max_length"], found["seed"]) == (0.2, 128, 9)


def test_vocabularies_of_equal_size_share_no_table():
    """Equal ids of two vocabularies are not equal pieces; target and output do share one."""
    config = ModelConfig(num_layers=1, num_decoder_layers=1, d_model=8, num_heads=2)
    model = Electra.from_config_and_vocabulary(config, 40, target_vocabulary_size=40)
    assert config.tie_embeddings
    assert tables(model) == ["embedding/table", "target_embedding/table"]
    assert model.encoder.embedding is model.embedding
    assert model.decoder.embedding is model.target_embedding is not model.embedding
    hidden = np.random.default_rng(0).normal(size=(2, 8)).astype("float32")
    model.target_embedding.table.assign(model.target_embedding.table * 2.0)
    expected = hidden @ np.asarray(model.target_embedding.table).T
    np.testing.assert_allclose(model.logits(hidden), expected, atol=1e-5)
    wider = Electra.from_config_and_vocabulary(config, 40, target_vocabulary_size=50)
    assert (wider.input_vocab_size, wider.target_vocab_size) == (40, 50)


# === tables ===


def tables(model):
    return [v.path for v in model.trainable_variables if v.path.endswith("embedding/table")]


def test_tied_source_target_and_output_are_one_variable(make_model):
    model = make_model()
    assert tables(model) == ["embedding/table"]
    assert model.encoder.embedding is model.decoder.embedding is model.embedding
    assert len([v for v in model.trainable_variables if 30 in v.shape]) == 2, "table and bias"
    hidden = np.random.default_rng(0).normal(size=(2, 16)).astype("float32")
    table = model.embedding.table
    table.assign(table * 2.0)
    logits = hidden @ np.asarray(table).T + np.asarray(model.vocabulary_head.bias)
    np.testing.assert_allclose(model.logits(hidden), logits, atol=1e-5)


def test_factorised_embeddings_are_projected_on_both_ways(make_model):
    """Lan et al. 2020, section 3.1: into the stacks, and back to the table before the logits."""
    model = make_model(embedding_dim=6)
    assert model.embedding.table.shape == (30, 6)
    paths = [variable.path for variable in model.trainable_variables]
    shapes = {
        path: tuple(variable.shape)
        for path, variable in zip(paths, model.trainable_variables, strict=True)
        if "projection/kernel" in path
    }
    assert shapes == {
        "encoder/projection/kernel": (6, 16),
        "decoder/projection/kernel": (6, 16),
        "vocabulary_head/projection/kernel": (16, 6),
    }
    hidden = np.random.default_rng(0).normal(size=(2, 16)).astype("float32")
    head = model.vocabulary_head
    vectors = hidden @ np.asarray(head.projection.kernel)
    np.testing.assert_allclose(head.vectors(hidden), vectors, atol=1e-5)
    logits = vectors @ np.asarray(model.embedding.table).T
    np.testing.assert_allclose(model.logits(hidden), logits, atol=1e-5)
    assert not [v.path for v in make_model().trainable_variables if "projection" in v.path]


def test_untied_tables_are_two(make_model):
    expected = ["embedding/table", "target_embedding/table"]
    assert tables(make_model(target_vocab_size=25)) == expected
    assert tables(make_model(tie_embeddings=False)) == expected


def test_tying_needs_equal_vocabularies(make_model):
    with pytest.raises(ValueError, match="input_vocab_size 30 and target_vocab_size 25"):
        make_model(target_vocab_size=25, tie_embeddings=True)


# === what comes out ===


def test_a_dict_is_as_good_as_a_pair(make_model):
    model = make_model()
    named = model({"encoder_token_ids": SOURCE, "decoder_token_ids": TARGET})
    assert np.array_equal(np.asarray(named), np.asarray(model((SOURCE, TARGET))))


def test_padding_and_later_tokens_change_nothing(make_model):
    model = make_model()
    before = np.asarray(model((SOURCE, TARGET)))
    wide = model((np.pad(SOURCE, [(0, 0), (0, 3)]), np.pad(TARGET, [(0, 0), (0, 2)])))
    real = TARGET != 0
    np.testing.assert_allclose(np.asarray(wide)[:, :5][real], before[real], atol=1e-5)
    later = TARGET.copy()
    later[:, 2] = 20
    after = np.asarray(model((SOURCE, later)))
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=1e-6)
    assert abs(after - before)[0, 2:].max(axis=-1).min() > 1e-4


def test_attention_of_every_layer(make_model):
    model = make_model(num_layers=2, num_decoder_layers=3)
    logits, scores = model((SOURCE, TARGET), return_attention=True)
    assert logits.shape == (2, 5, 30)
    assert {name: [tuple(s.shape) for s in layers] for name, layers in scores.items()} == {
        "encoder": [(2, 4, 4, 4)] * 2,
        "decoder_self": [(2, 4, 5, 5)] * 3,
        "decoder_cross": [(2, 4, 5, 4)] * 3,
    }
    assert (np.asarray(scores["decoder_cross"][0])[1, :, :, 3] == 0).all(), "padding"


def test_dropout_in_training_only_and_by_its_seed(make_model):
    model, twin = make_model(dropout=0.5), make_model(dropout=0.5)

    def run(model, **kwargs):
        return np.asarray(model((SOURCE, TARGET), **kwargs))

    assert np.array_equal(run(model), run(model, seed=4))
    first = run(model, training=True, seed=4)
    assert np.array_equal(first, run(twin, training=True, seed=4))
    assert not np.array_equal(first, run(model, training=True, seed=5))
    # Without a seed the model counts by itself: no two steps alike, two equal models alike.
    own = [run(model, training=True) for _ in range(2)]
    assert not np.array_equal(*own)
    assert all(np.array_equal(value, run(twin, training=True)) for value in own)


# === learning ===


def matrix(tokenizer, texts, length):
    values, offsets = tokenizer.encode_columns(texts)
    rows = np.zeros((len(texts), length), np.int32)
    for row, (start, end) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        rows[row, : end - start] = values[start:end]
    return rows


@pytest.mark.slow
def test_200_steps_on_20_sentences(tokenizer, sentences):
    """The loss falls below a twentieth of where it begins, in two shapes with one trace, and the
    same seed gives the same numbers."""
    assert len(sentences) == len(set(sentences)) == 20
    sources, targets = zip(*sentences, strict=True)
    batches = []
    for length, rows in ((24, slice(0, 12)), (28, slice(12, 20))):
        target = matrix(tokenizer, targets, length)[rows]
        shifted = np.concatenate([np.full((len(target), 1), BOS_ID), target[:, :-1]], axis=1)
        source = matrix(tokenizer, sources, length)[rows]
        batches.append((source, shifted.astype(np.int32), target))

    model = Electra(
        1, 32, 4, 64, tokenizer.size, tokenizer.size, "sinusoidal", "sinusoidal", max_length=28
    )
    config = OptimizerConfig(learning_rate=1e-2, warmup_steps=20)
    variables = model.trainable_variables
    optimizer = build_optimizer(config, variables)
    ids = tf.TensorSpec([None, None], tf.int32)

    @tf.function(
        jit_compile=True, autograph=False, input_signature=[ids, ids, ids, tf.TensorSpec([])]
    )
    def update(source, shifted, target, number):
        with tf.GradientTape() as tape:
            seed = tf.cast(number, tf.int32)
            hidden, _ = model.hidden(source, shifted, training=True, seed=seed)
            flat, gold = tf.reshape(hidden, [-1, 32]), tf.reshape(target, [-1])
            weights = tf.cast(gold != 0, tf.float32)
            table, bias = model.target_embedding.table.value, model.vocabulary_head.bias.value
            sums = vocabulary_cross_entropy(flat, table, bias, gold, weights)
            loss = sums[0] / tf.reduce_sum(weights)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        ClippedUpdate(optimizer, variables, config.clip_norm)([gradients])
        return loss

    def train(steps, first_seed):
        losses = []
        for step in range(steps):
            optimizer.learning_rate.assign(learning_rate(config, step, step / 200))
            losses.append(float(update(*batches[step % 2], first_seed + step)))
        return losses

    state = [*variables, *optimizer.variables]
    beginning = checkpoint.tensors_of(state)
    losses = train(200, first_seed=0)
    assert 3.0 < losses[0] < 6.0  # ln 60 = 4.1: it knows nothing yet
    assert np.mean(losses[-10:]) < 0.2
    assert update.experimental_get_tracing_count() == 1

    checkpoint.restore(state, beginning)
    assert train(30, first_seed=0) == losses[:30]
    checkpoint.restore(state, beginning)
    assert train(3, first_seed=1000) != losses[:3]
