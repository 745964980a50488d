import json
import os
import pathlib

import pytest

from electra_model.errors import WorkError
from pipelines import translation_output
from pipelines.config import TranslateConfig
from pipelines.translate import plan_translate
from tests.pipelines import shouting


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shouting.write_model_card(tmp_path / "model")
    (tmp_path / "docs").mkdir()
    for name, text in {"a": "one", "b": "two", "c": "three"}.items():
        (tmp_path / "docs" / f"{name}.jsonl").write_text(f'{{"text": "{text}"}}\nbad {name}\n')
    return tmp_path


def config(output="out"):
    return TranslateConfig(input=("docs",), output=output, model="model")


def snapshot(folder):
    root = pathlib.Path(folder)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


class Failure(Exception):
    pass


def fail_at(monkeypatch, number):
    """Makes the nth rename or removal of the process fail; gives a list that is empty until then."""
    calls, failed = [0], []

    def counted(original):
        def call(*arguments, **settings):
            calls[0] += 1
            if calls[0] == number:
                failed.append(original.__name__)
                raise Failure(original.__name__)
            return original(*arguments, **settings)

        return call

    for name in ("replace", "unlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return failed


def assert_not_finished_too_early(old):
    """Without a manifest, whatever is in place is complete, and the next run knows it as ours."""
    found = snapshot("out")
    if "_electra/manifest.json" in found:
        manifest = json.loads(found["_electra/manifest.json"])
        placing = "_electra/placing.json" in found
        assert all(entry["name"] in found for entry in manifest["files"])
        assert placing or found["a.jsonl"] == old["a.jsonl"]


@pytest.mark.parametrize("again", [False, True])
def test_interrupted_between_any_two_steps_it_ends_with_the_same_bytes(place, monkeypatch, again):
    """`again`: the output folder holds an earlier run, of which one file changes and one is gone."""
    old = {}
    if again:
        shouting.run(config())
        old = snapshot("out")
        (place / "docs" / "a.jsonl").write_text('{"text": "new"}\nbad new\n')
        (place / "docs" / "c.jsonl").unlink()
    shouting.run(config("whole"))
    whole = snapshot("whole")
    start = snapshot("out") if again else {}
    number = 0
    while True:
        number += 1
        for path in [*place.glob("out/**/*")][::-1]:
            path.unlink() if path.is_file() else path.rmdir()
        for name, content in start.items():
            (place / "out" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "out" / name).write_bytes(content)
        with monkeypatch.context() as patch:
            failed = fail_at(patch, number)
            try:
                shouting.run(config())
            except Exception:
                assert failed
        if again:
            assert_not_finished_too_early(whole)
        shouting.run(config())
        found = snapshot("out")
        assert (found.pop("_electra/previous/c.jsonl", None) is not None) == again
        assert found == whole, f"after a failure at step {number}: {failed}"
        if not failed:
            break
    assert number > (10 if again else 15)


def test_a_damaged_part_is_made_again(place):
    plan = plan_translate(config())
    pending = list(plan.pending)
    with pytest.raises(WorkError, match="a translated unit .* is gone; run again"):
        translation_output.assemble(plan.made[0], plan)
    shouting.run(config("whole"))

    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from pipelines.translate import build_translate

    blocker = place / "out" / "a.jsonl"
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(flags=[]))
    build_translate(pipeline, config(), plan, shouting.load)
    blocker.mkdir()  # the run translates everything and fails when it places the first file
    with pytest.raises(Exception, match="a.jsonl"):
        pipeline.run().wait_until_finish()
    blocker.rmdir()
    part = place / "out" / "_electra" / "units" / f"{pending[1].key}.rows"
    part.write_bytes(part.read_bytes()[::-1])
    plan = plan_translate(config())
    assert plan.pending == ()
    with pytest.raises(WorkError, match="is damaged; run again"):
        translation_output.assemble(plan.made[1], plan)
    assert [unit.key for unit in plan_translate(config()).pending] == [pending[1].key]
    shouting.run(config())
    assert snapshot("out") == snapshot("whole")
