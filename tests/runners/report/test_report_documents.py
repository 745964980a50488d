"""What the report says of translated documents."""

from pipelines.quality import quality
from runners.report import report, report_sections
from tests.runners.report_pages import Page, write


def manifest(folder, **certificate):
    write(
        folder / "_electra" / "manifest.json",
        {
            "counts": {"in": 1200, "out": 1200, "rejected": {"null": 2, "empty": 1}, "files": 4},
            "segments": 3456,
            **certificate,
        },
    )


def test_what_the_checks_of_translated_documents_found(tmp_path):
    flags = {"lost_number": 7, "tags_in_pieces": 2}
    sums = {"segments": [3456, 3450], "spans": [90, 89], "numbers": [70, 63], "flags": flags}
    manifest(tmp_path / "out", certificate={**sums, "flagged": 8, "retried": 11, "repaired": 4})
    languages = {"source_lang": "en", "target_lang": "de"}
    page, present = report.render(str(tmp_path), **languages, output=str(tmp_path / "out"))
    assert present == ["translated"]
    text = " ".join(Page(page).text.split())
    for expected in (
        "has finished 4 files: 1,200 rows in, 1,200 out, of which 3 have no translation",
        "8 rows have a sentence that is flagged. 11 sentences were tried a second time",
        "lost_number",
        "a number of the source is not in the translation",
    ):
        assert expected in text
    cell = '<td class="num">{}</td>'
    assert f"<td>Numbers</td>{cell.format(70)}{cell.format(63)}" in page
    assert page.count(cell.format(7)) == 1
    manifest(tmp_path / "out")
    page, _ = report.render(str(tmp_path), **languages, output=str(tmp_path / "out"))
    assert "They were not checked" in page
    assert report.render(str(tmp_path), **languages, output=str(tmp_path / "none"))[1] == []


def test_every_flag_has_a_meaning():
    assert {*quality.FLAGS} == set(report_sections.FLAGS)
