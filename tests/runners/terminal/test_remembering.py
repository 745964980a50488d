import pathlib

import pytest

from pipelines.memory import memory, memory_files
from pipelines.translate import build_translate, plan_translate
from runners.engines import launch
from runners.engines.engines import RunnerConfig
from runners.terminal import remembering
from tests.pipelines import shouting


@pytest.fixture
def docs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", shouting.ROOT)
    shouting.write_model_card(tmp_path / "model")
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(4):
        rows = [f"Row {row} of {number}.\n" for row in range(100)]
        (folder / f"{number}.txt").write_text("".join(rows))
    return folder


def run(workers=1, **changes):
    config = shouting.config(unit_segments=10, **changes)
    plan = plan_translate(config)
    result = launch.run_pipeline(
        lambda pipeline: build_translate(pipeline, config, plan, shouting.load),
        RunnerConfig(workers=workers),
        label="translate",
        receipts="out/_electra/units",
    )
    done = remembering.counts(result)
    remembering.tidy(config, plan)
    return done, memory.place_of(config, plan.output, plan.settings)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_was_remembered_is_counted(docs, capsys, workers):
    done, place = run(workers)
    assert done == {"remembered": 0, "translated": 400}
    assert len(memory_files.sizes(place.path)) == 1
    more = "Another row.\nRow 1 of 1.\n"
    (docs / "0.txt").write_text((docs / "0.txt").read_text() + more)
    (docs / "1.txt").write_text((docs / "1.txt").read_text().replace("Row 3 ", "Changed "))
    capsys.readouterr()
    done, _ = run(workers)
    # Files that did not change are not looked at again.
    assert done == {"remembered": 200, "translated": 2}
    assert remembering.in_words(done) == "; 200 of 202 segments were in the memory"
    assert "warning" not in capsys.readouterr().err
    done, _ = run(workers, memory=False, output="anew")
    assert done == {"remembered": 0, "translated": 402}
    assert remembering.in_words(done) == ""
    assert shouting.snapshot("anew") == shouting.snapshot("out")


def test_damaged_files_are_warned_of(docs, capsys):
    _, place = run()
    (name,) = memory_files.sizes(place.path)
    path = pathlib.Path(place.path, name)
    path.write_bytes(path.read_bytes()[:-100])
    for text in docs.iterdir():
        text.write_text(text.read_text() + "More.\n")
    capsys.readouterr()
    assert run()[0]["translated"] > 400
    warning = f"translate: warning: {path}.damaged: is damaged, so that the memory lacks it; delete"
    assert warning in capsys.readouterr().err
