import functools
import json
import re

import numpy as np
import pytest

from electra_model.decoding import Sampling
from electra_model.errors import InputError, WorkError
from pipelines import inference
from pipelines.inference import Decoding, TranslationHandler, UnitText
from pipelines.quality.checks_config import ChecksConfig
from pipelines.quality.quality import Checker
from pipelines.translation import second_tries
from pipelines.translation.outcome import Outcome
from tests.pipelines import shouting

DECODING = Decoding(beam_size=4, length_penalty=0.6)


class Recorder(shouting.ShoutingModel):
    """Remembers what it was asked to translate."""

    def __init__(self):
        super().__init__("f")
        self.asked = []

    def translate(self, texts, **settings):
        self.asked.append((texts, settings))
        usual = ("beam_size", "length_penalty", "max_length")
        return super().translate(texts, **{name: settings[name] for name in usual})


def test_equal_sentences_are_translated_once_and_long_ones_in_pieces():
    model = Recorder()
    long = "a b c d e f g, h i j k l m n"
    found = inference.translate_segments(model, ["hi", long, "hi"], DECODING)
    assert found == [Outcome("HI", -0.1), Outcome(long.upper(), -0.7), Outcome("HI", -0.1)]
    settings = {"beam_size": 4, "length_penalty": 0.6, "max_length": None}
    assert model.asked == [(["hi", "a b c d e f g,", "h i j k l m n"], settings)]


def test_no_segments_ask_no_model():
    model = Recorder()
    assert inference.translate_segments(model, [], DECODING) == []
    assert model.asked == []


def test_answers_stay_on_one_line():
    class Chatty(shouting.ShoutingModel):
        def translate(self, texts, **settings):
            return [" a\nb\r\u2028c\0 " for _ in texts], np.full(len(texts), np.nan)

    assert inference.translate_segments(Chatty("f"), ["x"], DECODING) == [Outcome("a b c", None)]


def test_what_is_as_usual_goes_unsaid():
    assert "min_length" not in DECODING.settings() and "sampling" not in DECODING.options()
    drawing = Decoding(1, 0.0, sampling=Sampling(top_k=3, seed=7), engine="another")
    assert drawing.settings()["sampling"]["seed"] == 7 and drawing.settings()["engine"] == "another"
    model = Recorder()
    inference.translate_segments(model, ["hi"], drawing)
    ((_, settings),) = model.asked
    assert settings["sampling"] == Sampling(top_k=3, seed=7) and "engine" not in settings


def test_a_part_without_words_costs_the_sentence():
    class Mute(shouting.ShoutingModel):
        def translate(self, texts, **settings):
            answers, scores = super().translate(texts, **settings)
            return [
                "" if "h" in text else answer for text, answer in zip(texts, answers, strict=True)
            ], scores

    long = "a b c d e f g, h i j k l m n"
    assert inference.translate_segments(Mute("f"), [long], DECODING)[0].translation == ""


class Loose(Recorder):
    """Sets the characters of tags apart."""

    def translate(self, texts, **settings):
        answers, scores = super().translate(texts, **settings)
        loose = [answer.replace("<", "< ") for answer in answers]
        return loose, scores


def checked_handler(tmp_path, model, task="translate"):
    shouting.write_model_card(tmp_path, "f")
    guard = functools.partial(
        second_tries.guarded, checker=Checker(ChecksConfig(), task, "en", "de")
    )
    return TranslationHandler(
        *(str(tmp_path), "f", DECODING, 100, lambda _: model, task, "en"), guard=guard
    )


def test_tags_are_spelled_as_they_were_before_anything_is_checked(tmp_path):
    model = Loose()
    found = checked_handler(tmp_path, model)
    source = "press <1><2>the big</2></1> key <3/>"
    (unit,) = found.run_inference([UnitText((source,))], model)
    assert [one.translation for one in unit.outcomes] == ["PRESS <1><2>THE BIG</2></1> KEY <3/>"]
    assert unit.outcomes[0].flags == unit.outcomes[0].first_flags == ()
    assert len(model.asked) == 1


def test_a_summary_need_not_hold_the_tags_of_its_text(tmp_path):
    class Short(Recorder):
        def translate(self, texts, **settings):
            _, scores = super().translate(texts, **settings)
            return ["brief" for _ in texts], scores

    model = Short()
    found = checked_handler(tmp_path, model, "summarise")
    (unit,) = found.run_inference([UnitText(("install <1>the tool</1> first",))], model)
    assert [one.translation for one in unit.outcomes] == ["brief"]
    assert len(model.asked) == 1


def test_a_tag_that_is_always_lost_stays_around_what_has_no_words(tmp_path):
    class Mute(Recorder):
        def translate(self, texts, **settings):
            answers, scores = super().translate(texts, **settings)
            bare = [re.sub("[^A-Z ]", "", answer) for answer in answers]
            return ["" if answer == "KEY" else answer for answer in bare], scores

    model = Mute()
    found = checked_handler(tmp_path, model)
    (unit,) = found.run_inference([UnitText(("press <1>the</1> key",))], model)
    (outcome,) = unit.outcomes
    assert outcome.translation == "PRESS <1>THE</1> key"
    assert {"untranslated", "spans_in_source_order"} <= {*outcome.flags}
    assert outcome.first_flags == ("lost_span",)


def handler(tmp_path, fingerprint="f"):
    shouting.write_model_card(tmp_path, "f")
    return TranslationHandler(str(tmp_path), fingerprint, DECODING, 100, shouting.load)


def test_units_of_a_batch_get_their_own_translations_back(tmp_path):
    found = handler(tmp_path)
    batch = [UnitText(("a", "b b"), 1), UnitText((), 2), UnitText(("c",), 3)]
    results = found.run_inference(batch, found.load_model())
    assert [(r.outcomes, r.context) for r in results] == [
        ((Outcome("A", -0.1), Outcome("B B", -0.2)), 1),
        ((), 2),
        ((Outcome("C", -0.1),), 3),
    ]
    assert found.run_inference([], found.load_model()) == []
    assert found.get_num_bytes(batch) == 5


def test_another_model_than_planned_is_refused(tmp_path):
    with pytest.raises(WorkError, match="holds another model than when the run began"):
        handler(tmp_path, "another").load_model()


def test_model_card(tmp_path):
    with pytest.raises(InputError, match=f"no model.json in {tmp_path}"):
        inference.read_model_card(str(tmp_path))
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(InputError, match="model.json is not JSON"):
        inference.read_model_card(str(tmp_path))
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(InputError, match="names no fingerprint"):
        inference.read_model_card(str(tmp_path))
    (tmp_path / "model.json").write_text(json.dumps({"fingerprint": "f", "source_lang": "en"}))
    assert inference.read_model_card(str(tmp_path))["source_lang"] == "en"
