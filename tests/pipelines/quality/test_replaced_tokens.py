import json

import numpy as np
import pytest

from pipelines import inference
from pipelines.quality import replaced_tokens
from pipelines.translate import plan_translate
from pipelines.translation.outcome import Outcome
from tests.pipelines import shouting
from tests.pipelines.quality.test_certificate import lines_of
from tests.pipelines.shouting import config, snapshot

TEXTS = ["A fox runs. A dog jumps!", "", None, "the lazy dog runs home."]
OTHERS_OFF = {
    **{"length_ratio": False, "repetition": False, "untranslated": False, "wrong_language": False},
    **{"lost_span": False, "lost_number": False, "retry": False},
}


@pytest.fixture(scope="session")
def judging_folder(model_folder, tmp_path_factory):
    """The small model with a discriminator beside it."""
    from electra_model.config import ModelConfig
    from electra_model.discriminator import Discriminator
    from electra_model.export import load_model, save_model

    model = load_model(model_folder)
    config = ModelConfig(**model.metadata["model"])
    judge = Discriminator(config, model.tokenizer.size, True)
    rng = np.random.default_rng(1)
    for variable in judge.variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    folder = tmp_path_factory.mktemp("judging") / "model"
    languages = {"source_lang": "en", "target_lang": "de"}
    save_model(folder, model.model, model.tokenizer, config, **languages, discriminator=judge)
    return str(folder)


def judging(folder, **changes):
    checks = OTHERS_OFF | changes.pop("checks", {})
    return config(**{"model": folder, "beam_size": 1, "checks": checks} | changes)


@pytest.fixture
def docs(place):
    shouting.write_rows_and_page(place, TEXTS)
    return place


def test_every_row_says_how_many_tokens_look_replaced(docs, judging_folder):
    from electra_model.export import load_model

    manifest = shouting.run(judging(judging_folder), inference.load_exported_model)
    rows = [json.loads(line) for line in (docs / "out" / "a.jsonl").read_text().splitlines()]
    lines = lines_of("a.jsonl")
    model = load_model(judging_folder)
    outputs, _ = model.translate(["A fox runs.", "A dog jumps!"], beam_size=1)
    found = model.discriminator.replaced(model.tokenizer, ["A fox runs.", "A dog jumps!"], outputs)
    assert lines[0]["replaced"] == [
        sum(map(len, found)),
        pytest.approx(sum(float(one.sum()) for one in found), abs=2e-4),
    ]
    assert "replaced" not in lines[1] and "replaced" not in lines[2]
    judged = [
        line["replaced"]
        for name in ("a.jsonl", "b.md")
        for line in lines_of(name)
        if "replaced" in line
    ]
    total = manifest["certificate"]["replaced"]
    assert total == [sum(one[0] for one in judged), pytest.approx(sum(one[1] for one in judged))]
    assert set(rows[0]) == {"text", "translation", "translation_score"}, "rows are what they were"


@pytest.mark.slow
def test_what_is_remembered_is_judged_too(docs, judging_folder):
    for output in ("out", "again"):
        one = judging(judging_folder, output=output, memory="memory")
        shouting.run(one, inference.load_exported_model)
    assert snapshot("out") == snapshot("again")
    assert "replaced" in lines_of("a.jsonl", "again")[0]


@pytest.mark.parametrize(("bound", "flagged"), [(0.001, 2), (1.0, 0)])
@pytest.mark.slow
def test_more_than_the_bound_is_flagged(docs, judging_folder, bound, flagged):
    one = judging(judging_folder, checks={"replaced_tokens": bound})
    manifest = shouting.run(one, inference.load_exported_model)
    rows = [json.loads(line) for line in (docs / "out" / "a.jsonl").read_text().splitlines()]
    notes = [row.get("translation_error") for row in rows]
    assert notes.count("replaced_tokens") == flagged
    assert manifest["certificate"]["flags"].get("replaced_tokens", 0) >= flagged
    assert manifest["certificate"]["retried"] == 0


def test_it_is_asked_only_where_there_is_one(docs, model_folder, judging_folder):
    def settings(folder, **changes):
        return plan_translate(judging(folder, **changes)).settings.get("checks")

    assert settings(judging_folder)["replaced_tokens"] == 0.5
    # Outputs of models without one are what they were before there were any.
    assert "replaced_tokens" not in settings(model_folder)
    assert settings(judging_folder, checks={"enabled": False}) is None
    off = judging(judging_folder, checks={"replaced_tokens": False})
    assert "replaced_tokens" not in plan_translate(off).settings["checks"]
    shouting.run(off, inference.load_exported_model)
    assert "replaced" not in lines_of("a.jsonl")[0]


def test_spans_are_no_words():
    """Addresses and code are not judged."""

    class Judge:
        def replaced(self, tokenizer, sources, outputs):
            seen.append((sources, outputs))
            return [np.full(len(text.split()) + 1, 0.25, np.float32) for text in outputs]

    class Model:
        tokenizer, discriminator = None, Judge()

    seen = []
    outcomes = [Outcome("Siehe https://a.example hier", -0.1), Outcome("", None)]
    segments = ["See https://a.example here", "Mute."]
    found = replaced_tokens.judged(Model(), segments, outcomes, bound=0.2)
    assert seen == [(["See here"], ["Siehe hier"])]
    assert found[0].replaced == (3, 0.75) and found[0].flags == ("replaced_tokens",)
    assert found[1] == outcomes[1]
