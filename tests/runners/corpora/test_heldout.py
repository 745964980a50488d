import random

import pytest

from runners.corpora import heldout


def test_normalised_keeps_letters_in_lower_case():
    assert heldout.normalised("Port {name} 80: ÄÖ_x!") == "portnameäöx"
    assert heldout.normalised("12 %") == ""


def test_shingles():
    assert heldout.words("Turn on the 2 lights, turn off_x") == {
        "turn",
        "on",
        "the",
        "lights",
        "off",
        "x",
    }
    assert heldout.character_grams("Co-des") == {"cod", "ode", "des"}
    assert heldout.character_grams("On") == {"on"}
    assert heldout.character_grams("7") == {""}


def test_choose_is_a_stable_draw():
    names = [f"name{number}" for number in range(100)]
    drawn = heldout.choose(names, 3, seed=1)
    assert drawn == ["name60", "name45", "name94"]
    assert heldout.choose(reversed(names), 3, seed=1) == drawn
    # Another name changes nothing but its own place.
    assert [name for name in heldout.choose([*names, "more"], 4, seed=1) if name != "more"][
        :3
    ] == drawn
    assert heldout.choose(names, 3, seed=2) != drawn
    assert len(heldout.choose(names, 1000, seed=1)) == 100


def test_near_copies_on_both_sides_of_the_threshold():
    held = heldout.NearCopies([frozenset("abcde")], 0.8)
    assert frozenset("abcde") in held
    assert frozenset("abcd") in held  # 4 of 5
    assert frozenset("abcdex") in held  # 5 of 6
    assert frozenset("abcdx") not in held  # 4 of 6
    assert frozenset("abc") not in held  # 3 of 5
    assert frozenset() not in held


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.75, 0.8, 1.0])
def test_near_copies_find_what_comparing_all_finds(threshold):
    draw = random.Random(3)

    def sets(count):
        return [frozenset(draw.choices("abcdefghijkl", k=draw.randint(1, 9))) for _ in range(count)]

    held_out, candidates = sets(60), sets(400)
    near = heldout.NearCopies(held_out, threshold)
    expected = [
        any(len(one & other) / len(one | other) >= threshold for other in held_out)
        for one in candidates
    ]
    assert [one in near for one in candidates] == expected
    assert any(expected) and not all(expected)
