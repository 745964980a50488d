import pytest

from pipelines.dataset_warnings import large_rejections, split_words, swapped_sides
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
    found = large_rejections({"train": ledger, "test": Ledger(50, 50, {})})
    assert len(found) == expected
    if expected == 1:
        assert found == [
            "the rule identical rejected 31% of the 100 records for train; "
            "look into dataset/rejected/identical.jsonl.gz"
        ]


@pytest.mark.parametrize(
    "sources, targets, languages, expected",
    [
        (EN, DE, ("en", "de"), 0),
        (DE, EN, ("en", "de"), 1),
        (DE, EN, ("en-GB", "de-AT"), 1),
        (DE, DE, ("en", "de"), 0),  # one side only is no exchange
        (DE[:1], EN[:1], ("en", "de"), 0),  # too little to say
        (DE, EN, ("en", "tlh"), 0),
        ([], [], ("en", "de"), 0),
    ],
)
def test_swapped_sides(sources, targets, languages, expected):
    found = swapped_sides(sources, targets, *languages)
    assert len(found) == expected
    assert all("exchange source_lang and target_lang" in warning for warning in found)


@pytest.mark.parametrize(
    "words, tokens, language, expected",
    [(120, 480, "en", 0), (120, 481, "en", 1), (99, 900, "en", 0), (120, 900, "zh", 0)],
)
def test_a_vocabulary_that_cuts_words_into_characters(words, tokens, language, expected):
    found = split_words(words, tokens, language)
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
    swapped, split = info["warnings"]
    assert swapped.startswith("the sources look like de and the targets like en")
    assert split.startswith("the vocabulary cuts words of en into 5.2 tokens on average")
    assert info["mended"] == 0
