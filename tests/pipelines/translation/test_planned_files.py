import json

import apache_beam as beam

from pipelines.config import TranslateConfig
from pipelines.translation import planned_files
from pipelines.translation.translation_plan import plan_translate


def planned(tmp_path):
    (tmp_path / "model").mkdir(exist_ok=True)
    card = {"fingerprint": "f", "task": "translate", "source_lang": "en", "target_lang": "de"}
    (tmp_path / "model" / "model.json").write_text(json.dumps(card))
    docs = tmp_path / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "a.tsv").write_text("id\ttext\n" + "".join(f"{n}\tA line.\n" for n in range(3000)))
    (docs / "b.txt").write_text("One line.\n" * 2000)
    (docs / "c.txt").write_text("One line.\n" * 2000)  # the content of another
    config = TranslateConfig(
        model=str(tmp_path / "model"),
        input=(str(docs),),
        output=str(tmp_path / "out"),
        unit_segments=1,
    )
    return plan_translate(config)


def test_what_is_read_is_what_was_planned(tmp_path):
    plan = planned(tmp_path)
    written = planned_files.write(plan)
    assert len(plan.pending) > 200  # more than one element names
    assert max(len(places) for _, places in written.pending) == 200
    read = [planned_files.read(plan.output, n, written.digest) for n in written.numbers]
    assert tuple(read) == plan.made
    assert read[0].file.header == b"id\ttext\n"


def test_every_pending_unit_is_named_once(tmp_path):
    plan = planned(tmp_path)
    written = planned_files.write(plan)
    units = planned_files.ReadUnitsFn(plan.output, written.digest)
    found = [unit for element in written.pending for unit in units.process(element)]
    # Two files have the same content: it is translated once, read from either.
    assert [unit.key for unit in found] == [unit.key for unit in plan.pending]


def test_a_unit_adds_a_few_bytes_to_the_graph(tmp_path):
    plan = planned(tmp_path)
    written = planned_files.write(plan)
    sizes = []
    for listed in (written.pending[:1], written.pending):
        pipeline = beam.Pipeline()
        _ = pipeline | beam.Create(listed)
        sizes.append(len(pipeline.to_runner_api().SerializeToString()))
    assert sizes[1] - sizes[0] < 10 * len(plan.pending)
