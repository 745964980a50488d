import hashlib
import json
import os

import pytest

from electra_model.errors import WorkError
from pipelines.translate import plan_translate
from pipelines.translation import translation_output
from tests.pipelines import shouting
from tests.pipelines.shouting import config, snapshot


def write_documents(place):
    for name, text in {"a": "one", "b": "two"}.items():
        (place / "docs" / f"{name}.jsonl").write_text(f'{{"text": "{text}"}}\nbad {name}\n')


class Failure(Exception):
    pass


def fail_at(monkeypatch, number):
    """Makes the nth rename or removal fail; gives a list that is empty until then."""
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


def assert_a_manifest_is_true():
    """While there is a manifest, every file that it names is in its place and is the one."""
    found = snapshot("out")
    manifest = json.loads(found.get("_electra/manifest.json", '{"files": []}'))
    for entry in manifest["files"]:
        assert hashlib.sha256(found[entry["name"]]).hexdigest() == entry["sha256"]


@pytest.mark.parametrize("again", [False, True])
def test_interrupted_between_any_two_steps_it_ends_with_the_same_bytes(place, monkeypatch, again):
    """`again`: the folder holds an earlier run, of which one file changed and one is gone."""
    write_documents(place)
    if again:
        shouting.run_step_by_step(config())
        (place / "docs" / "a.jsonl").write_text('{"text": "new"}\nbad new\n')
        (place / "docs" / "b.jsonl").unlink()
    shouting.run_step_by_step(config(output="whole"))
    whole = snapshot("whole")
    shouting.run(config(output="beam"))
    assert snapshot("beam") == whole
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
                shouting.run_step_by_step(config())
            except Exception:
                assert failed
        assert_a_manifest_is_true()
        shouting.run_step_by_step(config())
        found = snapshot("out")
        assert (found.pop("_electra/previous/b.jsonl", None) is not None) == again
        assert found == whole, f"after a failure at step {number}: {failed}"
        if not failed:
            break
    assert number > (10 if again else 15)


@pytest.mark.parametrize("suffix", ["rows", "rejected"])
def test_a_damaged_part_is_made_again(place, suffix):
    write_documents(place)
    plan = plan_translate(config())
    pending = list(plan.pending)
    with pytest.raises(WorkError, match="a translated unit .* is gone; run again"):
        translation_output.assemble(plan.made[0], plan)
    shouting.run(config(output="whole"))

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
    units = place / "out" / "_electra" / "units"
    number = next(n for n in (1, 0) if (units / f"{pending[n].key}.{suffix}").read_bytes())
    part = units / f"{pending[number].key}.{suffix}"
    part.write_bytes(part.read_bytes()[::-1])
    plan = plan_translate(config())
    assert plan.pending == ()
    with pytest.raises(WorkError, match="is damaged; run again"):
        translation_output.assemble(plan.made[number], plan)
    assert [unit.key for unit in plan_translate(config()).pending] == [pending[number].key]
    shouting.run(config())
    assert snapshot("out") == snapshot("whole")
