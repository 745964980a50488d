import pytest

from pipelines.config import VocabularyConfig
from pipelines.vocabularies.wordpiece import TooSmall, allowed, choose

CONFIG = VocabularyConfig(kind="wordpiece", size=64)


def pieces(*arguments):
    return choose(*arguments).decode().splitlines()[5:]


def test_special_pieces_then_symbols_then_by_use():
    counted = [("ab", 5), ("b", 3), ("abb", 1)]
    config = VocabularyConfig(kind="wordpiece", size=64, symbols=("<x>",))
    found = choose(["▁", "a", "b", "▁ab", "bb"], counted, config).decode()
    assert found.splitlines() == [
        *["<pad>", "<unk>", "<s>", "</s>", "<mask>", "<x>"],
        *["▁ab", "b", "▁", "<", ">", "a", "bb", "x"],
    ]


def test_what_is_used_least_is_dropped_but_no_character():
    counted = [(chr(code), 1) for code in range(0x4E00, 0x4E00 + 50)] + [("ab", 9), ("cd", 8)]
    candidates = ["▁", *"abcd", "▁ab", "▁cd", "▁a", "▁c", "▁d"]
    candidates += [chr(code) for code in range(0x4E00, 0x4E00 + 50)]
    found = pieces(candidates, counted, CONFIG)
    assert len(found) == 59  # 64 less the special ones: 55 characters, and 4 of the 5 pieces
    assert {"▁ab", "▁cd"} <= set(found)
    assert len({"▁a", "▁c", "▁d"} & set(found)) == 2


def test_a_size_below_the_alphabet():
    with pytest.raises(TooSmall) as caught:
        choose(["▁", *(chr(code) for code in range(0x4E00, 0x4E00 + 70))], [("a", 1)], CONFIG)
    assert caught.value.needed == 5 + 1 + 70


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("▁name", True),
        ("{", True),  # a character of the alphabet
        ("▁{", False),
        ("x{na", False),
        ("{na", True),  # begins where the symbol does, which is longer
        ("{name}s", False),
        ("name}", True),
    ],
)
def test_pieces_that_would_cut_a_symbol(piece, expected):
    assert allowed(piece, ["{name}"]) is expected
