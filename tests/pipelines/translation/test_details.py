import gzip
import json
import pathlib

import pytest

from electra_model.errors import InputError
from pipelines import inference
from pipelines.config import TranslateConfig
from pipelines.inference import Decoding
from pipelines.translate import plan_translate
from pipelines.translation import details
from pipelines.translation.details_config import Wanted
from pipelines.translation.outcome import Outcome
from tests.pipelines import shouting
from tests.pipelines.shouting import config, snapshot

TEXTS = ["A fox runs. A dog jumps!", "", None, "the lazy dog " * 20 + ".", "A dog jumps!"]


def wanted(model_folder, **changes):
    usual = {"model": model_folder, "beam_size": 3, "n_best": 3, "alignments": True}
    return config(**usual | changes)


def lines_of(name, output="out"):
    path = pathlib.Path(output, "_electra", "details", f"{name}.jsonl.gz")
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture
def docs(place):
    shouting.write_rows_and_page(place, TEXTS)
    return place


def test_every_row_has_a_line(docs, model_folder):
    from electra_model.export import load_model

    manifest = shouting.run(
        wanted(model_folder, attention=True, memory=False), inference.load_exported_model
    )
    lines = lines_of("a.jsonl")
    assert [line["row"] for line in lines] == [1, 2, 3, 4, 5]
    assert [len(line["segments"]) for line in lines] == [2, 0, 0, 1, 1]
    fox, dog = lines[0]["segments"]
    assert dog == lines[4]["segments"][0]
    assert (fox["source"], dog["source"]) == ("A fox runs.", "A dog jumps!")
    assert [one["text"] for one in fox["n_best"]][0] == fox["translation"]
    assert fox["n_best"][0]["score"] == fox["score"] and len(fox["n_best"]) == 3
    # What the model took in pieces has nothing to tell of the whole.
    assert set(lines[3]["segments"][0]) == {"source", "translation", "score"}

    model = load_model(model_folder)
    (words,) = model.word_attention([fox["source"]], [fox["translation"]])
    assert fox["source_words"] == list(words.source_words) == ["A", "fox", "runs."]
    assert fox["alignment"] == [list(pair) for pair in words.pairs()]
    assert len(fox["attention"]) == len(fox["target_words"]) > 0
    assert len(lines_of("b.md")) == 2
    row = json.loads((docs / "out" / "a.jsonl").read_text().splitlines()[0])
    assert set(row) == {"text", "translation", "translation_score"}, "rows are what they were"
    assert manifest["settings"]["details"] == {"n_best": 3, "alignments": True, "attention": True}


@pytest.mark.slow
def test_what_is_remembered_has_details_too(docs, model_folder):
    first, second = (
        wanted(model_folder, output=output, memory="memory") for output in ("out", "again")
    )
    for one in (first, second):
        shouting.run(one, inference.load_exported_model)
    assert snapshot("out") == snapshot("again")
    assert plan_translate(first).complete
    (docs / "out" / "_electra" / "details" / "a.jsonl.jsonl.gz").unlink()
    assert not plan_translate(first).complete
    shouting.run(first, inference.load_exported_model)
    assert snapshot("out") == snapshot("again")
    # Without them they go.
    shouting.run(
        wanted(model_folder, n_best=1, alignments=False, memory="memory"),
        inference.load_exported_model,
    )
    assert not [name for name in snapshot("out") if "/details/" in name]


def test_other_engines_tell_nothing(place, model_folder):
    (place / "docs" / "a.txt").write_text("A fox runs.\n")
    with pytest.raises(InputError, match="translate.alignments: is for engine tensorflow"):
        plan_translate(config(model=model_folder, engine="ctranslate2", alignments=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_best": 5}, "n_best must be at most beam_size, 4: got 5"),
        ({"n_best": 2, "sample": True}, "n_best is for outputs that are searched"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        TranslateConfig(**settings)


def test_nothing_to_tell(model_folder):
    found = details.told(
        inference.load_exported_model(model_folder),
        ["A fox runs.", "😀"],
        [Outcome("", None), Outcome("", None)],
        Decoding(3, 0.6),
        Wanted(n_best=2, alignments=True),
    )
    assert found == [{}, {}]
