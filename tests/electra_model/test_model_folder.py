import pytest

from electra_model.model_folder import missing_part

WHOLE = {
    "model.json",
    "saved_model/saved_model.pb",
    "saved_model/variables/variables.index",
    "spm.model",
}


def test_either_vocabulary_makes_it_whole():
    assert missing_part(WHOLE.__contains__) is None
    assert missing_part((WHOLE - {"spm.model"} | {"vocab.txt"}).__contains__) is None


@pytest.mark.parametrize("name", sorted(WHOLE - {"spm.model"}))
def test_what_is_missing_is_named(name):
    assert missing_part((WHOLE - {name}).__contains__) == name


def test_a_folder_without_any_vocabulary():
    assert missing_part((WHOLE - {"spm.model"}).__contains__) == "spm.model or vocab.txt"


def test_a_vocabulary_for_each_side():
    whole = WHOLE - {"spm.model"} | {"source/vocab.txt", "target/spm.model"}
    assert missing_part(whole.__contains__) is None
    for side in ("source", "target"):
        left = {name for name in whole if not name.startswith(side)}
        assert missing_part(left.__contains__) == f"{side}/spm.model or {side}/vocab.txt"
