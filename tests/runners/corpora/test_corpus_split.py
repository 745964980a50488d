import collections
import random

import pytest

from runners.corpora import corpus_split
from runners.corpora.catalogues import Entry
from runners.corpora.corpus_recipe import CorpusRecipe, DocumentsConfig, PackageConfig
from runners.corpora.corpus_split import Pair


@pytest.mark.parametrize(
    "entry, expected",
    [
        (Entry("Open", "Öffnen"), Pair("Open", "Öffnen", "p")),
        (
            Entry(" Open\tthe\r\n\ndoor ", "Tür\u2028auf", None, "d"),
            Pair("Open the door", "Tür auf", "p", "d"),
        ),
        (Entry("Open", " Open\n"), "identical"),
        (Entry("80 %", "80 Prozent"), "no_letters"),
        (Entry("Bell", "\a"), "no_letters"),
        (Entry("Open", "Öffnen", "fuzzy"), "fuzzy"),
    ],
)
def test_clean(entry, expected):
    assert corpus_split.clean(entry, "p") == expected


def _recipe(**changes) -> CorpusRecipe:
    package = PackageConfig(
        name="p",
        version="1",
        wheel="p-1-py3-none-any.whl",
        sha256="0" * 64,
        bytes=1,
        licence="MIT",
        catalogues=("{lang}.po",),
    )
    values = dict(
        valid_pairs=3, test_pairs=2, documents=DocumentsConfig(count=0), packages=(package,)
    )
    return CorpusRecipe(**{**values, **changes})


def _numeral(number: int) -> str:
    """A word for each number, of letters only and unlike all others."""
    return "".join(random.Random(number).choices("abcdefghijklmnopqrstuvwxyz", k=9))


def test_split_takes_whole_documents_and_keeps_sources_apart():
    pairs = [
        Pair(f"{_numeral(number)} {_numeral(number + 40)}", f"t{number}", "p", f"d{number // 4}")
        for number in range(40)
    ]
    bounds = DocumentsConfig(count=2, min_strings=4, max_strings=4)
    split = corpus_split.split(pairs, _recipe(documents=bounds))
    assert [len(document) for document in split.documents.values()] == [4, 4]
    for name, document in split.documents.items():
        assert document == [pair for pair in pairs if f"p/{pair.document}" == name]
    assert (len(split.valid), len(split.test), len(split.train)) == (3, 2, 27)
    keys = collections.Counter(
        pair.key
        for part in (split.train, split.valid, split.test, *split.documents.values())
        for pair in part
    )
    assert max(keys.values()) == 1 and not split.rejected


def test_split_is_the_same_in_any_order():
    pairs = [
        Pair(f"{_numeral(number)}", f"t{number}", "p", f"d{number // 4}") for number in range(60)
    ]
    recipe = _recipe(documents=DocumentsConfig(count=3, min_strings=1, max_strings=9))
    one, other = corpus_split.split(pairs, recipe), corpus_split.split(pairs[::-1], recipe)
    assert set(one.test) == set(other.test) and set(one.valid) == set(other.valid)
    assert list(one.documents) == list(other.documents)


def test_documents_outside_the_bounds_are_not_drawn():
    pairs = [
        Pair(_numeral(number), "t", "p", "long" if number else "short") for number in range(30)
    ]
    bounds = DocumentsConfig(count=5, min_strings=2, max_strings=28)
    assert corpus_split.split(pairs, _recipe(documents=bounds)).documents == {}


def test_what_is_close_to_a_document_leaves_training_and_is_counted():
    document = [
        Pair("Enable the door sensor", "x", "p", "d"),
        Pair(
            "The account of the weather service is already configured on this server", "y", "p", "d"
        ),
    ]
    others = [
        Pair("enable the door-sensor: 2", "x", "q"),  # equal once normalised
        Pair("Enable the door sensors", "x", "q"),  # near by characters
        Pair(
            "The account of the tide service is already configured on this server", "y", "q"
        ),  # by words
        Pair("Enable the window sensor", "z", "q"),  # far enough
    ]
    recipe = _recipe(
        documents=DocumentsConfig(count=1, min_strings=1, max_strings=9),
        valid_pairs=1,
        test_pairs=1,
    )
    fill = [Pair(_numeral(number), "t", "p") for number in range(30)]
    split = corpus_split.split([*document, *fill, *others], recipe)
    assert split.rejected == {"q": {"held_out": 1, "near_copy": 2}}
    assert [pair for pair in split.train if pair.package == "q"] == [others[3]]
    assert split.documents == {"p/d": document}


def test_a_source_with_two_translations_is_held_out_once():
    pairs = [Pair("Same", "a", "p"), Pair("same!", "b", "q"), Pair("Same", "c", "p")]
    split = corpus_split.split(pairs, _recipe(valid_pairs=1, test_pairs=1))
    assert (split.test, split.valid, split.train) == ([pairs[0]], [], [])
    assert split.rejected == {"q": {"held_out": 1}, "p": {"held_out": 1}}
