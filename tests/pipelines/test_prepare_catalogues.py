"""A prepare job whose training data are catalogues: TMX, XLIFF and gettext."""

import gzip

import polib
import pytest

from electra_model.errors import InputError
from pipelines import prepare
from runners.report import report_sections
from tests.pipelines.small_jobs import make_config, read_rejected, run, sentences

PAIRS = sentences(240)


def write_tmx(path):
    units = [
        f'<tu><tuv xml:lang="en-GB"><seg>{source}</seg></tuv>'
        f'<tuv xml:lang="de"><seg><bpt i="1">&lt;b></bpt>{target}<ept i="1">&lt;/b></ept></seg>'
        "</tuv></tu>"
        for source, target in PAIRS[:80]
    ]
    units.append('<tu><tuv xml:lang="en"><seg>only English</seg></tuv></tu>')
    units.append('<tu><tuv xml:lang="fr"><seg>seulement</seg></tuv></tu>')
    text = f'<tmx version="1.4"><header/><body>{"".join(units)}</body></tmx>'
    path.write_bytes(gzip.compress(text.encode("utf-16")))


def write_xliff(path):
    units = [
        f"<trans-unit><source>{source}</source><target>{target}</target></trans-unit>"
        for source, target in PAIRS[80:160]
    ]
    units.append("<trans-unit><source>not yet</source></trans-unit>")
    units.append("<trans-unit><source/><target>von irgendwo</target></trans-unit>")
    path.write_text(
        '<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">'
        '<file source-language="en" target-language="de"><body>'
        f"{''.join(units)}</body></file></xliff>"
    )


def write_po(path):
    file = polib.POFile()
    file.metadata = {"Content-Type": "text/plain; charset=UTF-8", "Language": "de"}
    file += [polib.POEntry(msgid=source, msgstr=target) for source, target in PAIRS[160:]]
    file.append(polib.POEntry(msgid="not sure", msgstr="unsicher", flags=["fuzzy"]))
    file.append(polib.POEntry(msgid="nothing", msgstr=""))
    file.append(polib.POEntry(msgid="old thing", msgstr="altes Ding", obsolete=True))
    file.append(
        polib.POEntry(msgid="a day", msgid_plural="days", msgstr_plural={0: "Tag", 1: "Tage"})
    )
    file.save(str(path))


def test_catalogues_as_training_data_balance(tmp_path):
    write_tmx(tmp_path / "a.tmx.gz")
    write_xliff(tmp_path / "b.xlf")
    write_po(tmp_path / "c.po")
    config = make_config(
        tmp_path,
        train=[str(tmp_path / name) for name in ("a.tmx.gz", "b.xlf", "c.po")],
        monolingual={"de": [str(tmp_path / "*.mo")]},
    )
    polib.pofile(str(tmp_path / "c.po")).save_as_mofile(str(tmp_path / "d.mo"))
    info = run(config)

    train, valid = (info["splits"][split]["ledger"] for split in ("train", "valid"))
    assert train["in"] + valid["in"] == 80 + 2 + 80 + 2 + 80 + 5
    assert train["out"] + valid["out"] == 240
    assert train["rejected"] == {
        "fuzzy": 1, "missing_language": 2, "missing_source": 1, "missing_target": 1,
        "no_plural_form": 2, "obsolete": 1, "untranslated": 1,
    }  # fmt: skip
    assert set(train["rejected"]) <= set(report_sections.RULES)
    # Compiled, what is fuzzy or obsolete is gone.
    assert info["splits"]["pretrain"]["ledger"]["in"] == 82
    ledger = info["ledger"]
    assert ledger["in"] == ledger["out"] + sum(ledger["rejected"].values())

    found = [
        (row["source"], row.get("target")) for row in read_rejected(config, "missing_language")
    ]
    assert found == [("only English", None), (None, None)]
    (row,) = read_rejected(config, "missing_target")
    assert row["source"] == "not yet" and row["path"].endswith("b.xlf") and row["row"] == 80
    found = [(row["source"], row.get("target")) for row in read_rejected(config, "no_plural_form")]
    assert found == [("a day", "Tag"), ("days", "Tage"), ("Tag", None), ("Tage", None)]
    assert [text for text in info["warnings"] if "plural" in text] == [
        f"the header of {tmp_path}/c.po (one of 2 such catalogues) has no usable line Plural-Forms,"
        " so that 4 texts of messages with a plural were rejected (no_plural_form); add the line, "
        'for two forms as in German "Plural-Forms: nplurals=2; plural=(n != 1);\\n"'
    ]
    (row,) = read_rejected(config, "fuzzy")
    assert (row["source"], row["target"]) == ("not sure", "unsicher")


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.tmx", "<html></html>", "the root element is 'html', but TMX has the root element tmx"),
        ("a.xlf", '<xliff version="2.0" srcLang="en" trgLang="fr"><file><unit><segment/></unit>'
         "</file></xliff>", "is from en to fr, the job from en to de"),
        ("a.po", 'msgid ""\nmsgstr "Language: fr\\n"\n\nmsgid "a"\nmsgstr "b"\n',
         "its header says Language: fr, and the job translates to de"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_catalogue_is_known_before_the_work(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=f"{name}: .*{message}"):
        prepare.plan_prepare(make_config(tmp_path, train=[str(tmp_path / name)]))
