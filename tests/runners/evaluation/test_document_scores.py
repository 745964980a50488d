import json

import pytest

from electra_model.errors import InputError
from runners.evaluation.document_scores import score_documents


@pytest.fixture
def folders(tmp_path):
    for name in ("out/_electra", "in", "references"):
        (tmp_path / name).mkdir(parents=True)
    rows = [
        {"id": "a", "text": "One\nTwo", "reference": "Eins\nZwei", "translation": "Eins\nZwei"},
        {"id": "b", "text": "Three\nFour", "reference": "Drei Vier", "translation": "Drei\nVier"},
        {"id": "c", "text": "Five", "reference": "Fünf", "translation": None},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "out" / "docs.jsonl").write_text(text)
    (tmp_path / "out" / "plain.txt").write_text("Sechs\n\nSieben\n")
    (tmp_path / "in" / "plain.txt").write_text("Six\n\nSeven\n")
    (tmp_path / "references" / "plain.txt").write_text("Sechs\n\nAcht\n")
    (tmp_path / "out" / "_electra" / "manifest.json").write_text("{}")
    return tmp_path


def score(folders, **changes):
    places = {"references": str(folders / "references"), "sources": str(folders / "in"), **changes}
    return score_documents(str(folders / "out"), target_lang="de", **places)


def test_jsonl_and_text_are_scored_by_line_where_lines_correspond(folders):
    scores = score(folders)
    # 2 lines of a, b as a whole, c, and the 2 lines of plain.txt that are not blank.
    assert (scores["files"], scores["documents"], scores["segments"]) == (2, 4, 6)
    assert scores["untranslated"] == 1
    assert 40 < scores["model"]["chrf"]["score"] < 90
    assert scores["copy_source"]["chrf"]["score"] < 30
    assert {sample["name"] for sample in scores["samples"]} <= {"a", "b", "c", "plain.txt"}
    assert ["Drei Vier"] == [
        row[2] for sample in scores["samples"] for row in sample["rows"] if sample["name"] == "b"
    ]


def test_text_files_without_a_folder_of_references_are_left_out(folders):
    assert score(folders, references=None)["segments"] == 4


def test_misaligned_and_missing_files_are_named(folders):
    (folders / "references" / "plain.txt").write_text("Sechs\n")
    with pytest.raises(
        InputError, match=r"plain\.txt: has 3 lines, its source 3 and its reference 1"
    ):
        score(folders)
    (folders / "references" / "plain.txt").unlink()
    with pytest.raises(InputError, match=r"references/plain\.txt: the reference of"):
        score(folders)


def test_a_row_without_its_reference_is_named(folders):
    (folders / "out" / "docs.jsonl").write_text('{"text": "One"}\n')
    with pytest.raises(InputError, match=r"docs\.jsonl, line 1: expected text in the fields"):
        score(folders)
