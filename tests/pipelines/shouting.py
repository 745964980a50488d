"""A model that answers in capitals: what the tests of translation expect can be written down
literally."""

import json
import pathlib

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines import translate
from pipelines.config import TranslateConfig
from pipelines.inference import Decoding, TranslationHandler
from pipelines.translate import build_translate, plan_translate
from pipelines.translation import translation_output

ROOT = str(pathlib.Path(__file__).parents[2])


class ShoutingModel:
    """One token a word, and the end mark; at most 12. It has no word for "Mute.".

    The score is minus a tenth of the words.
    """

    source_max_length = 12

    def __init__(self, fingerprint):
        self.fingerprint = fingerprint

    def count_tokens(self, texts):
        return np.array([1 + len(text.split()) for text in texts])

    def translate(self, texts, *, beam_size, length_penalty, max_length=None):
        assert all(len(text.split()) < 12 for text in texts)
        return (
            ["" if text == "Mute." else text.upper() for text in texts],
            np.array([-len(text.split()) / 10 for text in texts], np.float32),
        )


def load(model_dir):
    return ShoutingModel(
        json.loads((pathlib.Path(model_dir) / "model.json").read_text())["fingerprint"]
    )


def write_model_card(
    folder: pathlib.Path, fingerprint: str = "0123456789abcdef", task: str = "translate"
) -> str:
    folder.mkdir(exist_ok=True)
    card = {
        "format_version": 1,
        "fingerprint": fingerprint,
        "task": task,
        "source_lang": "en",
        "target_lang": "de" if task == "translate" else "en",
    }
    (folder / "model.json").write_text(json.dumps(card))
    return str(folder)


def run(config: TranslateConfig, loader=load) -> dict:
    """Plans and runs in this process; gives the manifest."""
    plan = plan_translate(config)
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(flags=[]))
    build_translate(pipeline, config, plan, loader)
    pipeline.run().wait_until_finish()
    return json.loads((pathlib.Path(config.output) / "_electra" / "manifest.json").read_text())


def run_step_by_step(config: TranslateConfig) -> None:
    """What the pipeline does, without Beam: much faster, for tests that run it many times."""
    plan = plan_translate(config)
    commit_units(plan, config, len(plan.pending))
    made = [translation_output.assemble(planned, plan) for planned in plan.made]
    if not plan.complete:
        translation_output.finish(plan, made)


def commit_units(plan, config: TranslateConfig, count: int) -> None:
    """Translates and commits the first of a plan's units, and leaves it there."""
    fingerprint = plan.settings["model"]["fingerprint"]
    guard = translate._guard(config, plan.settings["model"])
    handler = TranslationHandler(
        str(config.model), fingerprint, Decoding(4, 0.6), 1, load, guard=guard
    )
    commit = translate._CommitUnitFn(config, plan.output)
    for unit in plan.pending[:count]:
        texts = list(translate._ReadUnitFn(config.text_field, "en").process(unit))
        for translation in handler.run_inference(texts, handler.load_model()):
            list(commit.process(translation))


def write_rows_and_page(place: pathlib.Path, texts) -> None:
    """`docs/a.jsonl` with a row for each text, and a page of Markdown."""
    rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (place / "docs" / "a.jsonl").write_text(rows)
    (place / "docs" / "b.md").write_text("# A fox runs.\n\n* A dog *jumps*!\n")


def config(**changes) -> TranslateConfig:
    """`docs` to `out` with the model in `model`, below the current folder; nothing is checked, for
    a shout is no German."""
    usual = {"input": ("docs",), "output": "out", "model": "model", "checks": {"enabled": False}}
    return TranslateConfig(**usual | changes)


def snapshot(folder) -> dict[str, bytes]:
    """Every file below a folder with its bytes, but for the memory."""
    root = pathlib.Path(folder)
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "_electra/memory/" not in str(path)
    }


def rejected() -> list[dict]:
    """The lines of the log of `out`."""
    log = pathlib.Path("out/_electra/rejected.jsonl").read_text()
    return [json.loads(line) for line in log.splitlines()]
