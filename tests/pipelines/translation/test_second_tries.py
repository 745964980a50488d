import functools
import random

import pytest

from pipelines import inference
from pipelines.config import ChecksConfig
from pipelines.inference import Decoding
from pipelines.quality.quality import Checker
from pipelines.texts import protected_spans
from pipelines.translation import second_tries
from pipelines.translation.outcome import Outcome
from pipelines.translation.second_tries import clauses, guarded
from tests.pipelines.losing import LosingModel

BEAM = Decoding(beam_size=4, length_penalty=0.6)
GREEDY = Decoding(beam_size=1, length_penalty=0.6)


def outcomes(segments, model=None, decoding=BEAM, task="translate", **bounds):
    model = model or LosingModel("f")
    translate = functools.partial(inference.translate_segments, model)
    checks = Checker(ChecksConfig(wrong_language=False, **bounds), task, "en", "de")
    return guarded(segments, translate, decoding, checks)


def test_what_is_right_is_asked_once():
    model = LosingModel("f")
    assert outcomes(["One.", "Two {0}.", "One."], model) == [
        Outcome("ONE.", -0.1), Outcome("TWO {0}.", -0.2), Outcome("ONE.", -0.1),
    ]  # fmt: skip
    assert model.asked == [(["One.", "Two {0}."], 4)]
    assert outcomes([], model) == []


def test_spans_that_the_model_does_not_know_are_masked():
    model = LosingModel("f")
    assert outcomes(["Hello {name}, see <b>`x`</b>."], model) == [
        Outcome("HELLO {name}, SEE <b>`x`</b>.", -0.4, (), ("lost_span",))
    ]
    assert model.asked[1:] == [(["Hello {0}, see {1}{2}{3}."], 4)]


def test_spans_that_are_lost_even_so_stand_in_the_order_of_the_source():
    found = outcomes(["Say {name} (deaf): %s, go {0}!"])
    assert found == [
        Outcome("SAY {name} (DEAF): %s, GO {0}!", -0.1, ("spans_in_source_order",), ("lost_span",))
    ]


def test_a_piece_without_a_translation_stays():
    (found,) = outcomes(["Mute. {name} is deaf"])
    assert found.translation == "Mute. {name} IS DEAF"
    assert found.flags == ("untranslated", "spans_in_source_order")


def test_a_span_that_would_be_none_beside_a_translation_gets_a_space():
    (found,) = outcomes(["Now zero%s (deaf)"], lost_number=False)
    assert found.translation == "NOW 0 %s (DEAF)"
    assert found.flags == ("spans_in_source_order",)


def test_a_span_that_comes_from_nowhere_does_not_stay():
    (found,) = outcomes(["Please invent it"])
    assert found.translation == "Please invent it"
    assert found.first_flags == ("added_span",)
    assert found.flags == ("untranslated", "spans_in_source_order")
    (found,) = outcomes(["Please invent <b>this</b> {name} deaf"])
    assert found.translation == "Please invent <b>THIS</b> {name} DEAF"
    assert found.flags == ("untranslated", "spans_in_source_order")


@pytest.mark.parametrize("decoding, other", [(BEAM, 1), (GREEDY, 4)])
def test_other_mistakes_are_tried_with_another_beam(decoding, other):
    model = LosingModel("f")
    (found,) = outcomes(["We wander"], model, decoding)
    assert found == (
        Outcome("WE WANDER", -0.2, (), ("repetition",))
        if other == 1
        else Outcome("WE WANDER", -0.2)
    )
    assert model.asked[1:] == ([(["We wander"], 1)] if other == 1 else [])
    (found,) = outcomes(["You always stutter here"], model, decoding)
    assert found.flags == found.first_flags == ("repetition",)
    assert model.asked[-1] == (["You always stutter here"], other)


def test_longer_sentences_are_tried_in_clauses():
    model = LosingModel("f")
    (found,) = outcomes(["If you stutter, then say so."], model)
    assert found == Outcome("IF YOU STUTTER, THEN SAY SO.", -0.3, (), ("repetition",))
    assert model.asked[1:] == [(["If you stutter,", "then say so."], 4)]


def test_of_equals_the_first_answer_is_kept():
    class Worse(LosingModel):
        def _said(self, text, beam_size):
            return "NO NO NO" + " NO" * (beam_size == 1)

    assert outcomes(["It is off"], Worse("f"))[0].translation == "NO NO NO"


def test_a_better_score_decides_where_flags_are_as_many():
    class Better(LosingModel):
        def translate(self, texts, *, beam_size, **settings):
            said = [f"NO NO NO {beam_size}{beam_size}" for _ in texts]
            return said, [-float(beam_size)] * len(texts)

    (found,) = outcomes(["It is off"], Better("f"))
    assert (found.translation, found.score) == ("NO NO NO 11", -1.0)


def test_an_empty_answer_gets_a_second_chance():
    class Shy(LosingModel):
        def _said(self, text, beam_size):
            return "" if beam_size > 1 or text == "Never." else text.upper()

    found = outcomes(["Well.", "Never."], Shy("f"))
    empty = ("empty_translation",)
    assert found == [Outcome("WELL.", -0.1, (), empty), Outcome("", -0.1, empty, empty)]


def test_retries_can_be_off():
    model = LosingModel("f")
    assert outcomes(["Hello {name}"], model, retry=False) == [
        Outcome("HELLO", -0.2, ("lost_span",))
    ]
    assert len(model.asked) == 1


def test_whole_texts_are_never_cut():
    model = LosingModel("f")
    (found,) = outcomes(["If you {name} stutter, then say so."], model, task="summarise")
    assert found.flags == ("repetition",)
    assert model.asked[1:] == [(["If you {name} stutter, then say so."], 1)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("One two three, four five six; seven.", ["One two three,", "four five six; seven."]),
        ("One two, three four", ["One two, three four"]),
        ("One two three{a, number}, four", ["One two three{a, number}, four"]),
        ("See the `a, b and c` or the other", ["See the `a, b and c` or the other"]),
        ("如果打开这个选项，灯就会立刻熄灭。", ["如果打开这个选项，", "灯就会立刻熄灭。"]),
    ],
)
def test_clauses(text, expected):
    found = clauses(text)
    assert list(found.segments) == expected
    assert second_tries.segmentation.join_text(found.gaps, found.segments) == text


PARTS = [
    "{name}", "{0}", "%s", "<b>", "</b>", "`a b`", "https://a.org/x", "www.", "`", "{", "}",
    "<", ">", "%", "a@b.org", "stutter", "wander", "invent", "deaf", "Mute.", "word", "(", ",",
    ".", "7",
]  # fmt: skip


def some_segments(seed, count):
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(PARTS, k=draw.randrange(1, 11))) for _ in range(count)]
    texts += [text.replace(" ", "") for text in texts[: count // 3]]
    return ["go " + text for text in texts]


def test_whatever_the_model_does_the_spans_are_those_of_the_source():
    segments = some_segments(7, 600)
    found = outcomes(segments)
    repaired = 0
    for segment, outcome in zip(segments, found, strict=True):
        if outcome.translation:
            assert protected_spans.same(segment, outcome.translation), segment
        else:
            assert outcome.flags == ("empty_translation",)
        repaired += bool(outcome.first_flags) and not outcome.flags
    assert repaired > 30
    in_pieces = sum("spans_in_source_order" in outcome.flags for outcome in found)
    assert in_pieces > 100


def test_a_segment_does_not_depend_on_its_neighbours():
    segments = some_segments(8, 60)
    together = outcomes(segments)
    assert outcomes(segments[::-1]) == together[::-1]
    assert [outcomes([segment])[0] for segment in segments] == together
