import pytest

from electra_model.tokenizer import Tokenizer
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


@pytest.fixture(scope="module")
def small_vocabulary(tmp_path_factory):
    """A vocabulary of short English words, and the warnings of its job."""
    tmp_path = tmp_path_factory.mktemp("warnings")
    write_tsv(tmp_path / "train.tsv", [(target, source) for source, target in sentences(200)])
    config = make_config(tmp_path, train=[str(tmp_path / "train.tsv")])
    info = run(config)
    return info, Tokenizer.load(f"{config.workdir}/vocabulary")


def test_a_vocabulary_that_cuts_words_into_characters(small_vocabulary):
    _, tokenizer = small_vocabulary
    words = ["the red house and the old tree"] * 30
    assert split_words(words, "en", tokenizer) == []
    (warning,) = split_words(["hautbrennend untergeworfen"] * 60, "en", tokenizer)
    assert "raise vocabulary.size" in warning
    assert split_words(["hautbrennend untergeworfen"] * 40, "en", tokenizer) == []  # too few words
    assert split_words(["hautbrennend untergeworfen"] * 60, "zh", tokenizer) == []


def test_warnings_are_in_the_info(small_vocabulary):
    info, _ = small_vocabulary
    (warning,) = info["warnings"]
    assert warning.startswith("the sources look like de and the targets like en")
    assert info["mended"] == 0
