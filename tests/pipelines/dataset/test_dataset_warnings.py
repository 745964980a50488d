import dataclasses
import json

import pytest

from pipelines.dataset.dataset_warnings import large_rejections, split_words, swapped_sides
from pipelines.records import Ledger
from tests.pipelines.small_jobs import make_config, run, sentences, write_tsv

EN = ["All human beings are born free and equal in dignity and rights, and so are we."] * 4
DE = ["Alle Menschen sind frei und gleich an Würde und Rechten geboren, und so auch wir."] * 4


@pytest.mark.parametrize(
    "records, rejected, expected",
    [
        (100, {"identical": 30}, 0),
        (100, {"identical": 31}, 1),
        (100, {"identical": 31, "empty": 40}, 2),
        (19, {"identical": 18}, 0),
        (0, {}, 0),
    ],
)
def test_rules_that_drop_much(records, rejected, expected):
    ledger = Ledger(records, records - sum(rejected.values()), rejected)
    found = large_rejections({"train": ledger, "test": Ledger(50, 50, {})}, "work/a")
    assert len(found) == expected
    if expected == 1:
        assert found == [
            "the rule identical rejected 31% of the 100 records for train; "
            "look into work/a/dataset/rejected/identical.jsonl.gz"
        ]


@pytest.mark.parametrize(
    "sources, targets, languages, expected",
    [
        (EN, DE, ("en", "de"), False),
        (DE, EN, ("en", "de"), True),
        (DE, EN, ("en-GB", "de-AT"), True),
        (DE, DE, ("en", "de"), False),  # one side only is no exchange
        (DE[:1], EN[:1], ("en", "de"), None),  # too little to say
        (DE, EN, ("en", "tlh"), None),
        ([], [], ("en", "de"), None),
    ],
)
def test_swapped_sides(sources, targets, languages, expected):
    assert swapped_sides(sources, targets, *languages) is expected


@pytest.mark.parametrize(
    "words, tokens, language, characters, expected",
    [
        (120, 480, "en", None, 0),
        (120, 481, "en", None, 1),
        (120, 481, "en", 9.0, 1),
        (99, 900, "en", None, 0),
        (120, 900, "zh", None, 0),
        (100, 280, "vi", 3.0, 0),  # 2.8 of 4 that there can be: the mark, and the characters
        (100, 281, "vi", 3.0, 1),
    ],
)
def test_a_vocabulary_that_cuts_words_into_characters(
    words, tokens, language, characters, expected
):
    found = split_words(words, tokens, language, characters)
    assert len(found) == expected
    assert all("raise vocabulary.size" in warning for warning in found)


def test_warnings_are_in_the_info(tmp_path):
    """Of sides that are exchanged, and of a vocabulary that knows no word of the test data."""
    write_tsv(tmp_path / "train.tsv", [(target, source) for source, target in sentences(200)])
    strange = [(f"hautbrennend untergeworfen{i}", f"x{i}") for i in range(100)]
    write_tsv(tmp_path / "test.tsv", strange * 2)
    config = make_config(
        tmp_path, train=[str(tmp_path / "train.tsv")], test=[str(tmp_path / "test.tsv")]
    )
    info = run(config)
    swapped, small, split = info["warnings"]
    assert small.startswith("vocabulary.size asks for 120 pieces; the training text supports no")
    assert swapped.startswith(f"the sources of {tmp_path}/train.tsv look like de and the targets ")
    assert split.startswith("the vocabulary cuts words of en into 5.2 tokens on average")
    assert info["mended"] == 0


@pytest.mark.parametrize("both", [False, True])
def test_files_with_their_sides_exchanged(tmp_path, both):
    """One of two is too little of all pairs for a sample of the whole to tell."""
    pairs = [(f"{EN[0]} {n}", f"{DE[0]} {n}") for n in range(240)]
    exchanged = [(target, source) for source, target in pairs]
    large, small = str(tmp_path / "large.tsv"), str(tmp_path / "small.tsv")
    write_tsv(tmp_path / "large.tsv", (exchanged if both else pairs)[40:])
    write_tsv(tmp_path / "small.tsv", exchanged[:40])
    info = run(make_config(tmp_path, train=[large, small], clean={"leak": False}))
    (warning,) = [one for one in info["warnings"] if "look like" in one]
    if both:
        assert warning == (
            "the sources look like de and the targets like en; exchange source_lang and "
            "target_lang, or the columns of the files"
        )
    else:
        assert warning == (
            f"the sources of {small} look like de and the targets like en, those of other files do "
            "not; exchange the columns there, or leave out what does not belong"
        )


@pytest.mark.slow
def test_texts_in_another_language_than_the_job_says(tmp_path):
    english = "The settings of this program could not be saved because the disk is full, number {}."
    german = "Die Einstellungen dieses Programms wurden nicht gespeichert, Festplatte voll, Nr. {}."
    pairs = [(english.format(n), german.format(n)) for n in range(60)]
    train = write_tsv(tmp_path / "train.tsv", pairs)
    config = dataclasses.replace(make_config(tmp_path, train=[train]), target_lang="fr")
    found = [text for text in run(config)["warnings"] if "look like" in text]
    assert len(found) == 1 and "texts that should be in fr look like de; name their" in found[0]
    right = make_config(tmp_path, "right", train=[train])
    assert [text for text in run(right)["warnings"] if "look like" in text] == []


def test_a_header_that_was_read_as_a_pair(tmp_path):
    """Named with its file; not where the header is known, nor where such a row stands within."""
    header, pairs = [("Source", "de")], sentences(60)
    first = write_tsv(tmp_path / "first.tsv", header + pairs[:20])
    within = write_tsv(tmp_path / "within.tsv", pairs[20:40] + header)
    config = make_config(tmp_path, train=[first, within])
    found = [text for text in run(config)["warnings"] if "names of columns" in text]
    assert found == [
        f"the first row of {first}, 'Source' and 'de', looks like names of columns and was "
        "read as a pair; set data.tsv_header: true if it is a header"
    ]
    named = write_tsv(tmp_path / "named.tsv", [("source", "target"), *pairs])
    config = make_config(tmp_path, "named", train=[named], tsv_header=True)
    assert [text for text in run(config)["warnings"] if "names of columns" in text] == []


def test_a_file_of_which_nothing_was_kept(tmp_path):
    """A small part of the whole, so that no rule drops much of it."""
    pairs = sentences(140)
    other = tmp_path / "other.jsonl"
    lines = [json.dumps({"translation": {"en": s, "de": t}}) for s, t in pairs[100:130]]
    other.write_text("\n".join(lines) + "\n")
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps({"source": "", "target": t}) + "\n" for _, t in pairs[130:]))
    first = write_tsv(tmp_path / "first.tsv", pairs[:100])
    info = run(make_config(tmp_path, train=[first, str(other), str(few)]))
    assert [text for text in info["warnings"] if "nothing of" in text] == [
        f"nothing of {other} was kept: its 30 records were rejected (missing_field 30); they have "
        "no text in 'source' and 'target', but in translation.en, translation.de; say which it is "
        "in data.source_field and data.target_field, which hold for all files of pairs of the job"
    ]
    assert info["ledger"]["rejected"] == {"empty": 10, "missing_field": 30}


def test_files_that_lost_many_records_to_a_rule_of_reading(tmp_path):
    """Told by file, once, with the remedy: also where the split lost more than 30 % to it."""
    pairs = [(source, target.replace("ü", "u")) for source, target in sentences(300)]
    first = write_tsv(tmp_path / "first.tsv", pairs[:20])
    old = []
    for name, some in (("old.tsv", pairs[20:120]), ("older.tsv", pairs[120:180])):
        rows = [f"{source}\t{target} {'ä' * (n % 2)}" for n, (source, target) in enumerate(some)]
        (tmp_path / name).write_bytes("\n".join(rows).encode("latin-1"))
        old.append(str(tmp_path / name))
    three = tmp_path / "three.tsv"
    rows = [f"{s}\t{t}\tx" if n % 2 else f"{s}\t{t}" for n, (s, t) in enumerate(pairs[180:240])]
    three.write_text("\n".join(rows))
    few = tmp_path / "few.tsv"  # a third is no more than 30 % of too few
    few.write_bytes(b"a b\t\xe4\n" * 6 + b"c d\te f\n" * 12)
    catalogue = tmp_path / "a.po"  # a file is not at fault where a message has no translation
    entries = [
        f'msgid "{s}"\nmsgstr "{t if n % 2 else ""}"\n' for n, (s, t) in enumerate(pairs[240:])
    ]
    catalogue.write_text("\n".join(entries))
    files = [first, *old, str(three), str(few), str(catalogue)]
    info = run(make_config(tmp_path, train=files, clean={"duplicate": False, "leak": False}))
    assert info["ledger"]["rejected"] == {"not_utf8": 86, "untranslated": 30, "wrong_columns": 30}
    told = [text for text in info["warnings"] if "not_utf8" in text or "wrong_columns" in text]
    assert told == [
        f"{old[0]}, {old[1]}: 80 of their 160 records were rejected as not_utf8; if it is "
        "Windows-1252 or Latin-1: iconv -f windows-1252 -t utf-8 old > new",
        f"{three}: 30 of its 60 records were rejected as wrong_columns; they have 3 columns, and "
        "source TAB target are 2; keep two: cut -f1,2 old > new; or, where the first row names the "
        "columns, set data.tsv_header: true, data.source_field and data.target_field",
    ]
