import gzip
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.mirrors.mirror import Answer
from pipelines.quality import certificate
from pipelines.translate import plan_translate
from pipelines.translation import translation_output
from pipelines.translation.outcome import Outcome
from tests.pipelines import losing, shouting
from tests.pipelines.shouting import config, snapshot

CHECKS = {"wrong_language": False}  # a shout is no German


def checked(**changes):
    return config(**{"checks": CHECKS} | changes)


def lines_of(name, output="out"):
    path = pathlib.Path(output, "_electra", "certificate", f"{name}.jsonl.gz")
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def write_rows(path, texts):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


TEXTS = [
    "All is well. Take {0} of 7.",
    "Hello {name}. We wander. You always stutter here.",
    "----",
    None,
    "Say {name} (deaf): 3 %s! You always stutter here.",
    "Fine. Mute.",
]


def test_every_row_says_what_went_in_and_came_out(place):
    write_rows(place / "docs" / "a.jsonl", TEXTS)
    pq.write_table(pa.table({"text": TEXTS}), place / "docs" / "b.parquet")
    (place / "docs" / "c.txt").write_text("One.\n\nSay {x} (deaf).\n")
    (place / "docs" / "d.jsonl").write_text("")
    manifest = shouting.run(checked(), losing.load)

    rows = [json.loads(line) for line in (place / "out" / "a.jsonl").read_text().splitlines()]
    assert [row["translation"] for row in rows] == [
        "ALL IS WELL. TAKE {0} OF 7.",
        "HELLO {name}. WE WANDER. YOU ALWAYS STUTTER STUTTER STUTTER HERE.",
        "----",
        None,
        "SAY {name} (DEAF): 3 %s! YOU ALWAYS STUTTER STUTTER STUTTER HERE.",
        None,
    ]
    notes = [
        None, "repetition", None, "missing_field", "repetition,spans_in_source_order",
        "empty_translation",
    ]  # fmt: skip
    assert [row.get("translation_error") for row in rows] == notes
    table = pq.read_table("out/b.parquet")
    assert table.column("translation_error").to_pylist() == notes
    assert (place / "out" / "c.txt").read_text() == "ONE.\n\nSAY {x} (DEAF).\n"

    assert lines_of("a.jsonl") == lines_of("b.parquet") == [
        {"row": 1, "segments": [2, 2], "spans": [1, 1], "numbers": [1, 1]},
        {"row": 2, "segments": [3, 3], "spans": [1, 1], "retried": 3, "repaired": 2,
         "flags": {"repetition": 1}, "flagged": [3]},
        {"row": 3, "segments": [0, 0]},
        {"row": 4, "segments": [0, 0], "rejected": "missing_field"},
        {"row": 5, "segments": [2, 2], "spans": [2, 2], "numbers": [1, 1], "retried": 2,
         "flags": {"repetition": 1, "spans_in_source_order": 1}, "flagged": [1, 2]},
        {"row": 6, "segments": [2, 1], "retried": 1, "flags": {"empty_translation": 1},
         "flagged": [2], "rejected": "empty_translation"},
    ]  # fmt: skip
    assert lines_of("c.txt")[2] == {
        "row": 3, "segments": [1, 1], "spans": [1, 1], "retried": 1,
        "flags": {"spans_in_source_order": 1}, "flagged": [1],
    }  # fmt: skip
    assert lines_of("d.jsonl") == []
    of_a = {
        "segments": [9, 8],
        "spans": [4, 4],
        "numbers": [2, 2],
        "flagged": 2,
        "retried": 6,
        "repaired": 2,
        "flags": {"empty_translation": 1, "repetition": 2, "spans_in_source_order": 1},
    }
    found = {entry["name"]: entry["certificate"] for entry in manifest["files"]}
    assert found["a.jsonl"] == found["b.parquet"] == of_a
    assert found["d.jsonl"]["segments"] == [0, 0]
    assert manifest["certificate"] == {
        "segments": [20, 18], "spans": [9, 9], "numbers": [4, 4], "flagged": 5, "retried": 13,
        "repaired": 4,
        "flags": {"empty_translation": 2, "repetition": 4, "spans_in_source_order": 3},
    }  # fmt: skip
    assert list(manifest["certificate"]["flags"])[0] == "empty_translation"
    assert plan_translate(checked()).complete


def test_units_of_any_size_give_the_same_bytes(place):
    for number in range(3):
        texts = [f"{TEXTS[n % 3]} Line {n}." if n % 7 else TEXTS[n % 6] for n in range(60)]
        write_rows(place / "docs" / f"{number}.jsonl", texts[number:])
    shouting.run(checked(), losing.load)
    small = checked(output="small", unit_segments=10)
    assert plan_translate(small).total_units > 10
    shouting.run(small, losing.load)
    assert snapshot("out") == snapshot("small")
    assert [line["row"] for line in lines_of("2.jsonl")] == list(range(1, 59))


def test_what_is_checked_is_part_of_the_settings(place):
    write_rows(place / "docs" / "a.jsonl", TEXTS)
    shouting.run(checked(), losing.load)
    assert plan_translate(checked()).complete
    for changed in ({"wrong_language": 0.2}, {**CHECKS, "repetition": 3}, {"enabled": False}):
        assert not plan_translate(checked(checks=changed)).complete
    manifest = shouting.run(config(), losing.load)
    assert "certificate" not in manifest and "checks" not in manifest["settings"]
    assert not [name for name in snapshot("out") if "certificate" in name]
    assert json.loads((place / "out" / "a.jsonl").read_text().splitlines()[1]) == {
        "text": TEXTS[1],
        "translation": "HELLO . WE WANDER OFF WANDER OFF. YOU ALWAYS STUTTER STUTTER STUTTER HERE.",
        "translation_score": -0.2667,
    }


def test_a_certificate_that_is_gone_or_damaged_is_made_again(place):
    for name in ("a", "b"):
        write_rows(place / "docs" / f"{name}.jsonl", TEXTS)
    shouting.run(checked(), losing.load)
    whole = snapshot("out")
    path = place / "out" / "_electra" / "certificate" / "b.jsonl.jsonl.gz"
    for damage in (path.unlink, lambda: path.write_bytes(b"x")):
        damage()
        plan = plan_translate(checked())
        assert [made.file.name for made in plan.made] == ["b.jsonl"]
        shouting.run(checked(), losing.load)
        assert snapshot("out") == whole


def test_a_file_that_is_gone_takes_its_certificate_along(place):
    for name in ("a", "b"):
        write_rows(place / "docs" / f"{name}.jsonl", TEXTS)
    shouting.run(checked(), losing.load)
    (place / "docs" / "a.jsonl").unlink()
    shouting.run(checked(), losing.load)
    assert [name for name in snapshot("out") if "certificate" in name] == [
        "_electra/certificate/b.jsonl.jsonl.gz"
    ]


def test_killed_between_any_two_renames_it_ends_with_the_same_bytes(place, monkeypatch):
    for name in ("a", "b"):
        write_rows(place / "docs" / f"{name}.jsonl", TEXTS)
    shouting.run_step_by_step(checked(output="whole"))
    places = []
    move = translation_output.move

    def counted(source, target):
        if len(places) == stop:
            raise KeyboardInterrupt
        places.append(target)
        move(source, target)

    monkeypatch.setattr(translation_output, "move", counted)
    for killed_at in range(4):
        output = f"out-{killed_at}"
        places.clear()
        stop = killed_at
        with pytest.raises(KeyboardInterrupt):
            shouting.run_step_by_step(checked(output=output))
        places.clear()
        stop = 99
        shouting.run_step_by_step(checked(output=output))
        assert snapshot(output) == snapshot("whole")
    assert len(places) < 4


def test_the_note_of_a_row():
    outcomes = [Outcome("x", None, ("wrong_language",)), Outcome("y", None, ("lost_span",))]
    assert certificate.note_of(outcomes, cut=True) == "source_cut,lost_span,wrong_language"
    assert certificate.note_of(outcomes[:1], cut=False) == "wrong_language"
    assert certificate.note_of([], cut=False) is None


def test_summaries_need_not_carry_anything_over():
    rows = [(("{a} 7",), (Outcome("x", None),), Answer("x"))]
    lines, sums = certificate.of_rows(rows, compares=False)
    assert lines == b'{"segments": [1, 1]}\n'
    assert sums["spans"] == sums["numbers"] == [0, 0]
