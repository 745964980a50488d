"""A vocabulary, 20 sentence pairs, tiny models and one model folder for the tests beside this."""

import dataclasses
import io
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
import sentencepiece

from electra_model.config import ModelConfig
from electra_model.electra import Electra
from electra_model.export import load_model, save_model
from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
from electra_model.tokenizer import SPECIAL_PIECES

NOUNS = {"dog": "Hund", "tree": "Baum", "table": "Tisch", "moon": "Mond", "river": "Fluss"}
VERBS = {"sees": "sieht", "finds": "findet", "paints": "malt", "knows": "kennt"}


@pytest.fixture(scope="session")
def sentences():
    """20 pairs in which every word matters."""
    return [
        (f"the {noun} {verb} the {other}", f"der {NOUNS[noun]} {VERBS[verb]} den {NOUNS[other]}")
        for index, noun in enumerate(NOUNS)
        for verb, other in zip(VERBS, [*NOUNS][index:] + [*NOUNS][:index], strict=False)
    ]


@pytest.fixture(scope="session")
def tokenizer(sentences):
    """A SentencePiece model of about 60 pieces, with the five special ones first."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(text for pair in sentences for text in pair),
        model_writer=written,
        vocab_size=60,
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        pad_piece=SPECIAL_PIECES[0],
        control_symbols=[SPECIAL_PIECES[4]],
        num_threads=1,
        minloglevel=2,
    )
    return SentencePieceTokenizer(written.getvalue())


@pytest.fixture(scope="session")
def make_model():
    """A function: a model of one layer on each side, anything about it can be overridden."""

    def make(**overrides):
        arguments = dict(
            num_layers=1,
            d_model=16,
            num_heads=4,
            dff=32,
            input_vocab_size=30,
            target_vocab_size=30,
            position_encoding_input="sinusoidal",
            position_encoding_target="sinusoidal",
            max_length=32,
            seed=3,
        )
        return Electra(**{**arguments, **overrides})

    return make


@pytest.fixture(scope="session")
def tiny_config():
    """Sizes of the saved model; its buckets are 16 and 24."""
    return ModelConfig(
        num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=32, max_length=24
    )


@pytest.fixture(scope="session")
def one_bucket(tiny_config):
    """The same with the bucket of 16 alone: half as much to trace, where buckets do not matter."""
    return dataclasses.replace(tiny_config, max_length=16)


@pytest.fixture(scope="session")
def saved(tmp_path_factory, tokenizer, tiny_config):
    """(folder, the model that was saved, what `save_model` returned).

    Not trained; its weights are enlarged so that it is sure of what it says, and says various
    things.
    """
    model = Electra.from_config_and_vocabulary(tiny_config, tokenizer.size, seed=5)
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) * 1.5)
    folder = tmp_path_factory.mktemp("job") / "model"
    metadata = save_model(
        folder,
        model,
        tokenizer,
        tiny_config,
        source_lang="en",
        target_lang="de",
        training={"steps": 0},
        beam_size=2,
        length_penalty=0.6,
    )
    return folder, model, metadata


@pytest.fixture(scope="session")
def loaded(saved):
    """The model folder, read back."""
    return load_model(saved[0])
