import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from electra_model import checkpoint
from electra_model.config import ModelConfig, PretrainConfig
from electra_model.electra import Electra
from electra_model.optimizer import ClippedUpdate, build_optimizer
from electra_model.pretraining import ReplacedTokenDetection

VOCABULARY = 25
SIZES = ModelConfig(
    num_layers=2, num_decoder_layers=1, d_model=32, num_heads=4, dff=64, dropout=0.0, max_length=16
)


def build(**settings):
    return ReplacedTokenDetection(SIZES, PretrainConfig(**settings), VOCABULARY, seed=1)


def windows(rows=20, length=16):
    """Windows of two texts each, every text counting upwards from its first token."""
    first = np.arange(rows * 2).reshape(rows, 2) % 13 + 5
    text = np.concatenate([first[:, :1] + np.arange(7), np.full((rows, 1), 3)], axis=1)
    other = np.concatenate([first[:, 1:] + np.arange(5), np.full((rows, 1), 3)], axis=1)
    ids = np.concatenate([text, other, np.zeros((rows, 2), int)], axis=1)
    segments = np.repeat([[1] * 8 + [2] * 6 + [0] * 2], rows, axis=0)
    return tf.constant(ids, tf.int32), tf.constant(segments, tf.int32)


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
def test_variables_have_names_of_their_own(positions):
    """A checkpoint is by name; encoder, decoder and generator may each learn positions."""
    sizes = dataclasses.replace(SIZES, position_encoding=positions)
    pretrained = ReplacedTokenDetection(sizes, PretrainConfig(), VOCABULARY, seed=1)
    trained = Electra.from_config_and_vocabulary(sizes, VOCABULARY)
    names = []
    for some in (pretrained, trained):
        names.append([variable.path for variable in some.trainable_variables])
        assert len(set(names[-1])) == len(names[-1])
    shared = {name for name in names[0] if name in names[1] and "position" in name}
    assert shared == ({"encoder_positions/table"} if positions == "learned" else set())


def gradients_of(model, name, seed=3):
    with tf.GradientTape(persistent=True) as tape:
        output = model.losses_of(*windows(), seed)
        loss = getattr(output, name)
    values = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    return {
        variable.path: None if value is None else np.asarray(tf.convert_to_tensor(value))
        for variable, value in zip(model.trainable_variables, values, strict=True)
    }


def reached(gradients):
    return {path for path, value in gradients.items() if value is not None and value.any()}


def test_the_discriminator_loss_does_not_reach_the_generator(model):
    found = reached(gradients_of(model, "discriminator_loss"))
    assert not [path for path in found if path.startswith("generator")]
    assert "embedding/table" in found
    assert "encoder/block_0/self_attention/query/kernel" in found
    assert "discriminator_head/prediction/kernel" in found


def test_the_generator_loss_does_not_reach_the_discriminator(model):
    found = reached(gradients_of(model, "generator_loss"))
    assert not [path for path in found if path.startswith(("encoder", "discriminator_head"))]
    assert {"embedding/table", "generator_head/bias", "generator/projection/kernel"} <= found


def test_the_whole_loss_reaches_everything_and_is_the_weighted_sum(model):
    parts = [gradients_of(model, name) for name in ("loss", "generator_loss", "discriminator_loss")]
    whole, generator, discriminator = parts
    assert reached(whole) == set(whole), "every variable is trained"
    table = "embedding/table"
    expected = generator[table] + 50.0 * discriminator[table]
    np.testing.assert_allclose(whole[table], expected, atol=1e-4)


def test_generator_and_discriminator_share_one_embedding(model):
    assert model.generator.embedding is model.encoder.embedding is model.embedding
    tables = [v.path for v in model.trainable_variables if VOCABULARY in v.shape]
    assert tables == ["embedding/table", "generator_head/bias"]


@pytest.mark.parametrize(("fraction", "width", "heads"), [(0.25, 8, 1), (0.5, 16, 2), (1.0, 32, 4)])
def test_the_generator_is_a_fraction_as_wide(fraction, width, heads):
    generator = build(generator_fraction=fraction).generator
    assert (generator.d_model, generator.num_heads, generator.dff) == (width, heads, 64 * fraction)


def test_the_numbers_of_a_batch_agree_with_each_other(model):
    output = model.losses_of(*windows(), 3)
    values = {name: float(value) for name, value in vars(output).items()}
    assert all(np.isfinite(value) for value in values.values())
    expected = values["generator_loss"] + 50 * values["discriminator_loss"]
    assert values["loss"] == pytest.approx(expected, rel=1e-5)
    # 2 of 12 ordinary tokens are hidden in each row of 14; a new generator is nearly always wrong.
    hidden = 2 / 14
    replaced = hidden * (1 - values["generator_accuracy"])
    assert values["replaced_share"] == pytest.approx(replaced, abs=0.25 * hidden)
    assert values["generator_loss"] == pytest.approx(np.log(VOCABULARY), abs=1.0)
    shares = [values[name] for name in values if "loss" not in name]
    assert all(0 <= share <= 1 for share in shares)


def test_the_seed_decides(model):
    first, again, other = (vars(model.losses_of(*windows(), seed)) for seed in (3, 3, 4))
    assert {name: float(value) for name, value in first.items()} == {
        name: float(value) for name, value in again.items()
    }
    assert float(first["loss"]) != float(other["loss"])


def test_calling_it_asks_the_discriminator(model):
    ids, segments = windows(rows=3)
    logits = model(ids, segment_ids=segments)
    expected = model.discriminator_head(model.encoder(ids, segment_ids=segments))
    assert logits.shape == (3, 16)
    assert np.array_equal(np.asarray(logits), np.asarray(expected))


def test_the_encoder_is_the_one_that_training_goes_on_with(model):
    electra = Electra.from_config_and_vocabulary(SIZES, VOCABULARY, seed=8)
    tensors = checkpoint.tensors_of(model.trainable_variables)
    report = checkpoint.warm_start(electra.trainable_variables, tensors, "pretraining")
    restored = [entry["name"] for entry in report["restored"]]
    encoder = [v.path for v in model.trainable_variables if v.path.startswith("encoder/")]
    assert set(restored) == {*encoder, "embedding/table"}
    assert len(encoder) > 20
    fresh = {entry["name"].split("/")[0] for entry in report["fresh"]}
    assert fresh == {"decoder", "vocabulary_head"}, "the decoder and the bias of the output"
    ids, _ = windows(rows=2)
    assert np.array_equal(np.asarray(electra.encoder(ids)), np.asarray(model.encoder(ids)))


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_so_it_is_with_factorised_embeddings_gates_and_other_norms(positions):
    sizes = dataclasses.replace(
        SIZES,
        position_encoding=positions,
        embedding_dim=12,
        activation="swiglu",
        norm="post",
        embedding_norm=True,
        final_norm=False,
        scale_embeddings=False,
    )
    model = ReplacedTokenDetection(sizes, PretrainConfig(generator_fraction=0.5), VOCABULARY, 1)
    assert model.generator.embedding is model.embedding and model.embedding.d_model == 12
    assert (model.generator.d_model, model.generator_head.embedding_dim) == (16, 12)
    electra = Electra.from_config_and_vocabulary(sizes, VOCABULARY, seed=8)
    tensors = checkpoint.tensors_of(model.trainable_variables)
    report = checkpoint.warm_start(electra.trainable_variables, tensors, "pretraining")
    restored = {entry["name"] for entry in report["restored"]}
    encoder = {v.path for v in electra.trainable_variables if v.path.startswith("encoder")}
    assert restored == encoder | {"embedding/table"}
    assert {"encoder/projection/kernel", "encoder/embedding_norm/gamma"} <= restored
    assert "encoder/block_1/feed_forward/gate/kernel" in restored
    ids, _ = windows(rows=2)
    assert np.array_equal(np.asarray(electra.encoder(ids)), np.asarray(model.encoder(ids)))
    output = model.losses_of(*windows(rows=2), 3)
    assert np.isfinite(float(output.loss))


@pytest.mark.slow
def test_200_steps_on_20_windows():
    """Both losses fall, the discriminator finds what was replaced, and the same seed gives the
    same numbers; one trace."""
    model = build(mask_fraction=0.2)
    variables = model.trainable_variables
    optimizer = build_optimizer(PretrainConfig(learning_rate=5e-3), variables)

    ids = tf.TensorSpec([None, 16], tf.int32)

    @tf.function(
        jit_compile=True, autograph=False, input_signature=[ids, ids, tf.TensorSpec([], tf.int32)]
    )
    def update(token_ids, segment_ids, number):
        with tf.GradientTape() as tape:
            output = model.losses_of(token_ids, segment_ids, number)
        gradients = tape.gradient(output.loss, [variable.value for variable in variables])
        ClippedUpdate(optimizer, variables, 1.0)([gradients])
        return vars(output)

    def train(steps):
        return [
            {name: float(value) for name, value in update(*windows(), step).items()}
            for step in range(steps)
        ]

    state = [*variables, *optimizer.variables]
    beginning = checkpoint.tensors_of(state)
    history = train(200)

    def mean(name, steps):
        return np.mean([values[name] for values in steps])

    assert mean("generator_loss", history[:5]) > 2.5
    assert mean("generator_loss", history[-20:]) < 1.6
    assert mean("discriminator_loss", history[-20:]) < 0.5 * mean("discriminator_loss", history[:5])
    assert mean("discriminator_recall", history[-20:]) > 0.5
    assert mean("discriminator_precision", history[-20:]) > 0.7
    assert update.experimental_get_tracing_count() == 1
    checkpoint.restore(state, beginning)
    assert train(20) == history[:20]


@pytest.fixture(scope="module")
def discriminator():
    return ReplacedTokenDetection(SIZES, PretrainConfig(), VOCABULARY, seed=1, generator=False)


def test_without_a_generator_there_is_no_variable_of_one(model, discriminator):
    paths = [variable.path for variable in discriminator.trainable_variables]
    assert [path for path in paths if "generator" in path] == []
    assert set(paths) == {
        v.path for v in model.trainable_variables if not v.path.startswith("generator")
    }


def test_its_first_weights_are_those_it_has_beside_a_generator(model, discriminator):
    beside = {variable.path: np.asarray(variable) for variable in build().trainable_variables}
    for variable in discriminator.trainable_variables:
        assert np.array_equal(np.asarray(variable), beside[variable.path]), variable.path


def test_replacements_made_beforehand_are_told_apart_as_in_the_paper(discriminator):
    """Labels by comparison: what was replaced by itself is an original, padding never counts."""
    token_ids, segment_ids = windows(rows=1)
    replaced = np.asarray(token_ids).copy()
    replaced[0, [1, 4]] = [20, 21]
    replaced[0, 2] = token_ids[0, 2]
    output = discriminator.losses_on(token_ids, tf.constant(replaced), segment_ids, 3)
    logits = np.asarray(discriminator(tf.constant(replaced), segment_ids), np.float64)[0, :14]
    labels = np.zeros(14)
    labels[[1, 4]] = 1
    losses = np.log1p(np.exp(np.where(labels == 1, -logits, logits)))
    said = logits > 0
    assert float(output.replaced_share) == pytest.approx(2 / 14)
    assert float(output.discriminator_loss) == pytest.approx(losses.mean(), rel=1e-5)
    assert float(output.loss) == pytest.approx(50.0 * losses.mean(), rel=1e-5)
    assert float(output.discriminator_accuracy) == pytest.approx((said == labels).mean())
    assert not hasattr(output, "generator_loss")


def test_without_a_generator_every_variable_is_trained(discriminator):
    token_ids, segment_ids = windows()
    replaced = tf.where(token_ids == 9, 10, token_ids)
    with tf.GradientTape() as tape:
        loss = discriminator.losses_on(token_ids, replaced, segment_ids, 3).loss
    values = tape.gradient(loss, [v.value for v in discriminator.trainable_variables])
    assert all(value is not None for value in values)
