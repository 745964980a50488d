"""The prepare pipeline on documents and on pairs of files."""

import gzip
import os

import pytest

from electra_model.errors import InputError
from pipelines import prepare
from pipelines.cleaning import clean
from pipelines.units import Parts
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_rejected,
    run,
    sentences,
    tree,
)


def write_pair(folder, name, pairs, languages=("en", "de")):
    for language, side in zip(languages, zip(*pairs, strict=True), strict=True):
        (folder / f"{name}.{language}").write_text("".join(f"{text}\n" for text in side))


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """A folder with a corpus of pairs and documents of every kind."""
    tmp_path = tmp_path_factory.mktemp("documents")
    pairs = sentences(300)
    (tmp_path / "corpus").mkdir()
    write_pair(tmp_path / "corpus", "x", [*pairs[:250], ("no target", ""), pairs[0]])
    with open(tmp_path / "corpus" / "x.en", "ab") as stream:
        stream.write(b"bad \xff\n")
    with open(tmp_path / "corpus" / "x.de", "ab") as stream:
        stream.write(b"schlecht\n")
    for language, side in (("en", 0), ("de", 1)):
        text = "".join(pair[side] + "\n" for pair in pairs[250:270])
        (tmp_path / "corpus" / f"valid.{language}.gz").write_bytes(gzip.compress(text.encode()))
    docs = tmp_path / "docs"
    docs.mkdir()
    texts = [" ".join(source for source, _ in sentences(20, seed=n)) for n in range(1, 9)]
    (docs / "a.html").write_text(f"<title>no</title><h1>The house</h1><p>{texts[0]}<p>{texts[1]}")
    (docs / "b.htm").write_bytes(b"<meta charset=latin1><p>\xe4")
    (docs / "c.html").write_bytes(b"<i>" * 2000 + b"deep")
    (docs / "d.md").write_text(f"# The tree\n\n{texts[2]}\n\n```\nno code\n```\n")
    (docs / "e.txt").write_text(f"{texts[3]}\n{texts[4]}\n\n \n{texts[5]}\n\n12 34\n\n{texts[5]}\n")
    warc = b"".join(
        b"WARC/1.0\r\nWARC-Type: %b\r\nContent-Length: %d\r\n\r\n%b\r\n\r\n" % (k, len(t), t)
        for k, t in [(b"warcinfo", b"x"), (b"conversion", texts[6].encode())]
    )
    (docs / "f.warc.wet.gz").write_bytes(gzip.compress(warc))
    (docs / "g.en").write_text(f"{texts[7]}\n")
    return tmp_path


def job(folder, name="work", **changes):
    settings = {
        "train": [f"{folder}/corpus/x.*"],
        "valid": [f"{folder}/corpus/valid.en.gz"],
        "monolingual": {"en": [f"{folder}/docs/*"]},
        "text_rows": "paragraph",
        **changes,
    }
    return make_config(folder, name, dataset={"unit_megabytes": 0.002}, **settings)


def test_books_balance(documents):
    config = job(documents)
    assert len([unit for unit in prepare.plan_prepare(config).units if unit.partner]) > 5
    run(config)
    info = read_info(config)
    assert info["splits"]["train"]["ledger"] == {
        "in": 253, "out": 250, "rejected": {"duplicate": 1, "empty": 1, "not_utf8": 1},
    }  # fmt: skip
    assert info["splits"]["valid"]["ledger"] == {"in": 20, "out": 20, "rejected": {}}
    # 3 pages, 1 Markdown file, 4 paragraphs, 2 records, 1 line
    assert info["splits"]["pretrain"]["ledger"] == {
        "in": 11,
        "out": 6,
        "rejected": {
            "duplicate": 1, "malformed_html": 1, "min_letters_share": 1, "not_a_document": 1,
            "not_utf8": 1,
        },
    }  # fmt: skip
    ledger = info["ledger"]
    assert ledger["in"] == 253 + 20 + 11
    assert ledger["in"] == ledger["out"] + sum(ledger["rejected"].values())
    pair, page = sorted(read_rejected(config, "not_utf8"), key=lambda row: row["path"])
    assert pair["raw"] == "bad \\xff\tschlecht\n" and pair["path"].endswith("/x.en")
    assert page["path"].endswith("/b.htm") and page["row"] == 0


@pytest.mark.slow
def test_what_is_a_row_of_text_is_a_setting(documents):
    counts = {}
    for text_rows in ("line", "paragraph", "document"):
        config = job(
            documents,
            f"work-{text_rows}",
            monolingual={"en": [f"{documents}/docs/e.txt"]},
            text_rows=text_rows,
        )
        run(config)
        counts[text_rows] = read_info(config)["splits"]["pretrain"]["ledger"]["in"]
    assert counts == {"line": 9, "paragraph": 4, "document": 1}


def test_a_changed_second_file_is_seen(documents):
    config = job(documents, "work-changed", monolingual={})
    run(config)
    before, plan = tree(config), prepare.plan_prepare(config)
    assert prepare.completed(config, plan) is not None
    path = documents / "corpus" / "x.de"
    text = path.read_text()
    path.write_text(text.replace("Haus", "Heim"))
    os.utime(path, ns=(1, 1))
    try:
        assert prepare.completed(config, prepare.plan_prepare(config)) is None
        run(config)
        assert tree(config) != before
    finally:
        path.write_text(text)


def test_a_file_has_one_role(documents):
    for data, message in (
        ({"valid": [f"{documents}/corpus/x.en"]}, r"data\.valid: .*x\.en is also in data\.train"),
        (
            {"monolingual": {"de": [f"{documents}/corpus/x.de"]}},
            r"data\.monolingual\.de: .*x\.de is also in data\.train",
        ),
    ):
        with pytest.raises(InputError, match=message):
            prepare.plan_prepare(job(documents, **data))


@pytest.mark.parametrize("name", ["a.html", "d.md", "f.warc.wet.gz"])
def test_documents_are_no_pairs(documents, name):
    with pytest.raises(InputError, match=f"{name}: .* has one column, source and target are 2"):
        prepare.plan_prepare(job(documents, train=[f"{documents}/docs/{name}"], monolingual={}))


def test_a_second_file_that_changes_while_it_is_read(tmp_path):
    write_pair(tmp_path, "x", sentences(20))
    config = make_config(tmp_path, train=[str(tmp_path / "x.en")])
    plan = prepare.plan_prepare(config)
    (task,) = clean.tasks_for(config, plan.units, plan.stamps)
    with open(tmp_path / "x.de", "a") as stream:
        stream.write("eine Zeile mehr\n")
    with pytest.raises(InputError, match=r"x\.de: was changed after the work began"):
        clean.work(config, task, Parts(str(tmp_path / "parts"), task.id, "x"))
