import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from electra_model.errors import InputError, WorkError
from pipelines import inference
from pipelines.mirrors import registry, whole_files
from pipelines.mirrors.html_tokens import tokens
from pipelines.mirrors.numbered_tags import structure
from pipelines.translate import plan_translate
from pipelines.translation import translation_inputs
from tests.pipelines import shouting
from tests.pipelines.mirrors import documents
from tests.pipelines.mirrors.taking_apart import same, taken, translated
from tests.pipelines.shouting import ROOT, config, rejected, snapshot


class Roomy(shouting.ShoutingModel):
    source_max_length = 1000

    def translate(self, texts, **settings):
        answers = ["" if text == "Mute." else text.upper() for text in texts]
        return answers, np.full(len(texts), -0.5, np.float32)


class Forgetful(Roomy):
    """It loses the tags of each second sentence that has some, and thinks in pieces."""

    def translate(self, texts, **settings):
        answers, scores = super().translate(texts, **settings)
        lost = [text.replace("<1>", "") if len(text) % 2 else text for text in answers]
        return [
            one if structure(text) else text for one, text in zip(lost, answers, strict=True)
        ], scores


def roomy(model_dir):
    return Roomy("0123456789abcdef")


def write_all(place):
    for name, text, _ in documents.ALL:
        (place / "docs" / name).write_text(text)


@pytest.mark.parametrize(("name", "text", "capitals"), documents.ALL)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_only_text_changes(name, text, capitals, end, mark):
    data, expected = ((mark + one.replace("\n", end)).encode() for one in (text, capitals))
    assert translated(name, data) == expected
    if name.endswith((".po", ".xlf", ".xliff")):
        skeleton = taken(name, data)
        untouched = skeleton.put_together([None] * len(skeleton.texts))
        assert untouched.replace(b' trgLang="de"', b"") == data
    else:
        assert translated(name, data, same) == data
    assert translated(name, b"") == b""


def test_a_run_keeps_names_order_and_form(place):
    write_all(place)
    (place / "docs" / "z.md.gz").write_bytes(gzip.compress(documents.MARKDOWN.encode()))
    (place / "docs" / "empty.html").write_bytes(b"")
    (place / "docs" / "empty.srt.xz").write_bytes(b"")
    (place / "docs" / "t.txt").write_text("A line.\n")
    manifest = shouting.run(config(), roomy)
    out = snapshot("out")
    for name, _, capitals in documents.ALL:
        assert out[name].decode() == capitals, name
    assert gzip.decompress(out["z.md.gz"]).decode() == documents.MARKDOWN_SHOUTED
    assert out["empty.html"] == out["empty.srt.xz"] == b""
    assert out["t.txt"] == b"A LINE.\n"
    assert [entry["name"] for entry in manifest["files"]] == sorted(set(out) - {
        "_electra/manifest.json", "_electra/rejected.jsonl"})  # fmt: skip
    counts = {entry["name"]: entry["counts"] for entry in manifest["files"]}
    assert counts["a.po"] == {"in": 5, "out": 5, "rejected": {}}
    assert counts["a.srt"] == {"in": 2, "out": 2, "rejected": {}}
    assert plan_translate(config()).complete


def test_a_model_that_loses_tags_changes_no_structure(place):
    write_all(place)
    shouting.run(config(), lambda model_dir: Forgetful("0123456789abcdef"))
    out = snapshot("out")
    for name, _, capitals in documents.ALL:
        assert out[name].decode() == capitals, name


def test_a_text_without_translation_stays_and_is_listed(place):
    (place / "docs" / "a.html").write_text("<p>One. Mute.</p>\n<p>Two.</p>")
    (place / "docs" / "b.po").write_text('msgid "Mute."\nmsgstr ""\n\nmsgid "Two"\nmsgstr ""\n')
    (place / "docs" / "c.xlf").write_text(
        documents.XLIFF_2.replace("Next", "Mute.").replace("<target/>", "<target></target>")
    )
    manifest = shouting.run(config(), roomy)
    out = snapshot("out")
    assert out["a.html"] == b"<p>One. Mute.</p>\n<p>TWO.</p>"
    assert out["b.po"] == b'msgid "Mute."\nmsgstr ""\n\nmsgid "Two"\nmsgstr "TWO"\n'
    assert b'<segment state="initial"><source>Mute.</source><target></target>' in out["c.xlf"]
    assert manifest["counts"] == {
        "in": 6, "out": 3, "rejected": {"empty_translation": 3}, "files": 3,
    }  # fmt: skip
    assert rejected()[:2] == [
        {
            "path": "docs/a.html", "output": "a.html", "row": 1, "line": 1,
            "rule": "empty_translation", "raw": "One. Mute.",
        },
        {
            "path": "docs/b.po", "output": "b.po", "row": 1, "line": 1,
            "rule": "empty_translation", "raw": "Mute.",
        },
    ]  # fmt: skip


def test_units_of_any_size_and_neighbours_give_the_same_bytes(place):
    write_all(place)
    shouting.run(config(), roomy)
    shouting.run(config(output="small", unit_segments=1), roomy)
    assert snapshot("out") == snapshot("small")


SLOWLY = """
import time
from pipelines import files
from tests.pipelines import shouting
from tests.pipelines.mirrors.test_whole_files import Roomy

class Slow(Roomy):
    def translate(self, texts, **settings):
        time.sleep(0.1)
        return super().translate(texts, **settings)

write = files.write_atomic
def slow_write(path, data, **options):
    time.sleep(0.02)
    return write(path, data, **options)
files.write_atomic = slow_write
shouting.run(shouting.config(unit_segments=1), lambda model_dir: Slow("0123456789abcdef"))
"""


def test_killed_at_any_moment_it_ends_with_the_same_bytes(place):
    write_all(place)
    shouting.run(config(output="whole"), roomy)
    draw = random.Random(5)
    ends = []
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", SLOWLY],
            env=os.environ | {"PYTHONPATH": ROOT},
            stderr=subprocess.DEVNULL,
        ) as process:
            while process.poll() is None and not (place / "out" / "_electra").exists():
                time.sleep(0.01)
            try:
                process.wait(draw.uniform(0.2, 1.5))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        ends.append(process.returncode)
        if process.returncode == 0:
            break
    assert ends[0] == -signal.SIGKILL
    shouting.run(config(unit_segments=1), roomy)
    assert snapshot("out") == snapshot("whole")


def test_a_document_that_changes_under_the_run_fails_it(place):
    path = place / "docs" / "a.html"
    path.write_text("<p>One.</p>")
    plan = plan_translate(config())
    path.write_text("<p>Two.</p><p>Three.</p>")
    with pytest.raises(WorkError, match="a.html: changed while it was being translated"):
        whole_files.read(plan.pending[0], "en", "de")


def test_damage_is_told_before_any_work(place):
    (place / "docs" / "a.md").write_text("Fine.")
    (place / "docs" / "b.html").write_text("<p>One</p>\n<a href='x")
    with pytest.raises(InputError, match="b.html: line 2: a tag begins here and does not end"):
        plan_translate(config())
    assert not (place / "out").exists()
    with pytest.raises(InputError, match="b.html: line 2: a tag begins here"):
        translation_inputs.check(str(place / "docs" / "b.html"), "text", "translation")


@pytest.mark.parametrize("name", ["a.html", "a.md", "a.xlf", "a.po", "a.srt", "a.vtt"])
def test_other_encodings_are_refused(place, name):
    (place / "docs" / name).write_bytes(b"WEBVTT\n\ncaf\xe9\n")
    with pytest.raises(InputError, match=f"{name}: .*UTF-8"):
        plan_translate(config())
    (place / "docs" / name).write_bytes("<p>one</p>".encode("utf-16"))
    with pytest.raises(InputError, match=f"{name}: .*convert it to UTF-8"):
        plan_translate(config())


def test_a_bound_on_size(place, monkeypatch):
    (place / "docs" / "a.html.gz").write_bytes(gzip.compress(b"<p>One.</p>" * 10))
    monkeypatch.setattr(registry, "LARGEST", 100)
    with pytest.raises(InputError, match=r"a.html.gz: has more than 0 MiB, .*; split it"):
        plan_translate(config())


def test_models_of_other_tasks_take_no_documents(place):
    (place / "docs" / "a.md").write_text("Fine.")
    shouting.write_model_card(place / "model", task="summarise")
    with pytest.raises(InputError, match="a.md: is a document.* task of the model is to summarise"):
        plan_translate(config())


@pytest.mark.slow
def test_a_real_model_that_knows_no_tags(place, model_folder):
    page = "<p>A <b>quick</b> fox <i>jumps <code>over</code></i> the dog.</p>\n<p>A dog runs.</p>\n"
    (place / "docs" / "a.html").write_text(page)
    settings = config(model=model_folder, beam_size=1)
    manifest = shouting.run(settings, inference.load_exported_model)
    made = (place / "out" / "a.html").read_text()
    tags = [[token.raw for token in tokens(one) if token.kind != "text"] for one in (page, made)]
    assert tags[0] == tags[1]
    assert made != page and manifest["counts"]["in"] == 2


def test_the_log_is_json(place):
    (place / "docs" / "a.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nMute.\n\n2\n00:00:01,000 --> 00:00:02,000\nMute.\n"
    )
    shouting.run(config(), roomy)
    assert [(one["row"], one["line"]) for one in rejected()] == [(1, 3), (2, 7)]
    assert json.dumps(rejected())
