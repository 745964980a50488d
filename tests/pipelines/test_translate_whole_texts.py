"""Models of other tasks than translation: a text is one source, and one that is too long is read in
part, which its row and the manifest say."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from electra_model.errors import InputError
from pipelines.translate import plan_translate
from tests.pipelines import shouting
from tests.pipelines.shouting import config, rejected

LONG = "One two three. Four five six.\nSeven eight nine ten eleven twelve. A b c d e."


@pytest.mark.parametrize(
    ("task", "read"),
    [
        ("summarise", "One two three. Four five six."),
        ("generate", "Seven eight nine ten eleven twelve. A b c d e."),
    ],
)
def test_a_text_is_read_as_a_whole_or_from_the_end_that_counts(place, task, read):
    shouting.write_model_card(place / "model", task=task)
    texts = ["One.\n  Two.", LONG, "", "42"]
    (place / "docs" / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    (place / "docs" / "b.txt").write_text("One. Two.\n\nMute.\n")
    pq.write_table(pa.table({"text": texts[:2]}), place / "docs" / "c.parquet")
    manifest = shouting.run(config(output_field="new"))

    rows = [json.loads(line) for line in (place / "out" / "a.jsonl").read_text().splitlines()]
    assert [row["new"] for row in rows] == ["ONE. TWO.", read.upper(), "", ""]
    assert [row.get("new_error") for row in rows] == [None, "source_cut", None, None]
    assert rows[0]["new_score"] == -0.2 and rows[2]["new_score"] is None
    assert (place / "out" / "b.txt").read_text() == "ONE. TWO.\n\n\n"
    table = pq.read_table(place / "out" / "c.parquet")
    assert table.column("new_error").to_pylist() == [None, "source_cut"]
    assert manifest["counts"] == {
        "in": 9, "out": 8, "rejected": {"empty_translation": 1}, "cut": 2, "files": 3,
    }  # fmt: skip
    assert [row["rule"] for row in rejected()] == ["empty_translation"]
    assert plan_translate(config(output_field="new")).complete


def test_a_model_of_an_unknown_task_is_refused(place):
    shouting.write_model_card(place / "model", task="paint")
    (place / "docs" / "a.txt").write_text("One.\n")
    with pytest.raises(InputError, match=r"model/model.json: task: paint is not a task"):
        plan_translate(config())
