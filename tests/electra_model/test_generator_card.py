"""The description of a trained generator: written, found, and refused where it cannot be right."""

import dataclasses
import json
import os

import pytest

from electra_model import generator_card
from electra_model.config import ModelConfig
from electra_model.errors import InputError
from electra_model.generator_card import GeneratorCard

CARD = GeneratorCard(
    model=ModelConfig(preset="small", dropout=0.0).resolved(),
    fraction=0.5,
    vocabulary_fingerprint="0123456789abcdef",
    vocabulary_size=120,
    checkpoint="checkpoints/step-000000012.npz",
    sha256="00" * 32,
    step=12,
)


def write(folder, values):
    folder.mkdir(parents=True)
    (folder / "generator.json").write_text(json.dumps(values))


def find(folder):
    def read(path):
        with open(path, "rb") as stream:
            return stream.read()

    return generator_card.find(str(folder), "some.key", os.path.exists, read)


@pytest.mark.parametrize("named", ["work", "work/", "work/pretrain"])
def test_a_card_is_found_in_the_work_folder_or_in_its_pretrain(tmp_path, named):
    write(tmp_path / "work" / "pretrain", CARD.to_json())
    assert find(f"{tmp_path}/{named}") == (str(tmp_path / "work" / "pretrain"), CARD)


def test_a_card_keeps_every_setting_of_the_model():
    model = ModelConfig(embedding_dim=8, embedding_norm=True, position_encoding="rotary").resolved()
    card = dataclasses.replace(CARD, model=model)
    assert GeneratorCard.from_json(json.loads(json.dumps(card.to_json()))) == card
    assert "embedding_norm" not in CARD.to_json()["model"]


def test_without_a_card_the_message_says_what_writes_one(tmp_path):
    with pytest.raises(InputError, match=r"some\.key: neither .*generator\.json.*electra pretrain"):
        find(tmp_path)


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"version": 2}, "version 2, this program reads 1"),
        ({"version": None}, "version None"),
        ({"fraction": "wide"}, "fraction is 'wide'"),
        ({"fraction": 0}, "its sizes are out of range"),
        ({"fraction": 1.5}, "its sizes are out of range"),
        ({"vocabulary_size": 0}, "its sizes are out of range"),
        ({"checkpoint": "../../secret"}, "checkpoint is '../../secret'"),
        ({"model": {"num_layers": 0}}, "1 validation error for ModelConfig"),
        ({"model": {"colour": "red"}}, "1 validation error for ModelConfig"),
        ({"model": None}, "argument after"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_damaged_card_is_refused_with_the_reason(tmp_path, changes, reason):
    write(tmp_path / "pretrain", {**CARD.to_json(), **changes})
    with pytest.raises(InputError, match=r"pretrain/generator\.json is damaged \(") as raised:
        find(tmp_path)
    assert reason in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', "\x00"])
def test_what_is_no_card_at_all_is_refused(tmp_path, text):
    (tmp_path / "generator.json").write_text(text)
    with pytest.raises(InputError, match="is damaged"):
        find(tmp_path)
