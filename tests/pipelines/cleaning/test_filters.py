import dataclasses

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_model.errors import InputError
from pipelines.cleaning import filters
from pipelines.cleaning.filters import check_languages, judge
from pipelines.config import CleanConfig
from pipelines.texts.normalize import normalize_texts

# All rules off but those that are named beside it.
ONLY = {
    "min_letters_share": False, "max_characters": False, "max_length_ratio": False,
    "placeholder_mismatch": False, "identical": False,
}  # fmt: skip


def verdict(source, target="Ein ganz gewöhnlicher Satz.", kind="pair", languages=(), **bounds):
    sides = (pa.array([source], pa.string()),)
    if kind != "text":
        sides = (*sides, pa.array([target], pa.string()))
    return judge(sides, kind, CleanConfig(**bounds), languages)[0]


@pytest.mark.parametrize(
    "source, expected",
    [
        ("An ordinary sentence.", None),
        ("", "empty"),
        ("... --- !!", "empty"),
        ("x" * 2001, "max_characters"),
        ("x" * 2000, "max_length_ratio"),
        ("abc 1234567", None),  # 3 letters of 10
        ("abc 12345678", "min_letters_share"),  # 3 of 11
        ("12:30", "min_letters_share"),
        ("हिन्दी में एक वाक्य", None),  # vowel signs count as letters
        ("Ein ganz gewöhnlicher Satz.", "identical"),
    ],
)
def test_rules_with_their_defaults(source, expected):
    assert verdict(source) == expected


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ("OK", "Einverstanden, Chef!", None),  # 20 characters: short
        ("OKOKO", "E" * 20, None),
        ("OKOKO", "E" * 21, "max_length_ratio"),
        ("abcdef", "E" * 24, None),  # exactly four times
        ("abcdef", "E" * 25, "max_length_ratio"),
        ("E" * 25, "abcdef", "max_length_ratio"),
    ],
)
def test_length_ratio(source, target, expected):
    assert verdict(source, target) == expected


@pytest.mark.parametrize(
    "rule, source, target",
    [
        ("empty", "", "x"),
        ("max_characters", "x" * 2001, "y" * 2001),
        ("min_letters_share", "12", "ab"),
        ("max_length_ratio", "x" * 100, "y"),
        ("identical", "same", "same"),
    ],
)
def test_every_rule_can_be_switched_off(rule, source, target):
    assert verdict(source, target) == rule
    assert verdict(source, target, **{rule: False}) is None


def test_test_data_lose_only_what_cannot_be_scored():
    for source, target in [("x" * 3000, "y"), ("12", "12")]:
        assert verdict(source, target, kind="measure") is None
    assert verdict("", "y", kind="measure") == "empty"


def test_monolingual_texts_may_be_long():
    assert verdict("word " * 10_000, kind="text") is None
    assert verdict("12 34", kind="text") == "min_letters_share"


def test_no_rows():
    nothing = pa.array([], pa.string())
    assert len(judge((nothing, nothing), "pair", CleanConfig())) == 0


# --- rules of characters and lengths -------------------------------------------------------------

OTHER = "ein"


@pytest.mark.parametrize(
    "source, expected",
    [
        ("lost \ufffd one", "broken_encoding"),
        ("a bell \x07 rings", "control_characters"),
        ("soft\u00adhyphen in it", "control_characters"),
        ("a mark \ufeff of order", "control_characters"),
        ("turned \u202e round", "control_characters"),
        ("می\u200cخواهم به خانه بروم", None),  # the joiner is part of the word
        ("क्\u200dष एक वाक्य है", None),
        ("\u200fשלום לכולם\u200f", None),
        ("ខ្ញុំ\u200bទៅ\u200bផ្ទះ", None),
        ("Привет, мир!", None),
        ("漢字とかな交じりの文です。", None),
        ("한국어 문장입니다.", None),
        ("😀", "min_letters_share"),
    ],
)
def test_characters_of_several_scripts(source, expected):
    assert verdict(source) == expected


@pytest.mark.parametrize(
    "rule, bound, below, at, above",
    [
        ("max_words", 3, "a b", "aa bb cc", "aa bb cc dd"),
        ("max_word_length", 4, "abc de", "abcd abcd", "ab abcde"),
        ("max_word_length", 4, "äöü", "äöüß", "äöüßä"),
        ("max_characters", 5, "äöü", "äöüßä", "äöüßäö"),
        ("max_markup_share", 0.5, "abcdef<b>", "abcdefg</abcd>", "abcdef</abcd>"),
        ("max_url_share", 0.5, "see it at www.a.de", "see it a www.ab.de", "see it www.abcd.de"),
        ("max_repetition", 3, "no no yes", "no no no yes", "no no no no yes"),
    ],
)
def test_upper_bounds(rule, bound, below, at, above):
    for text, expected in ((below, None), (at, None), (above, rule)):
        assert verdict(text, OTHER, **ONLY | {rule: bound}) == expected
        assert verdict(OTHER, text, **ONLY | {rule: bound}) == expected


@pytest.mark.parametrize(
    "rule, bound, below, at, above",
    [
        ("min_characters", 3, "äö", "äöü", "äöüß"),
        ("min_letters_share", 0.5, "ab123", "abc123", "abcd123"),
        ("min_script_share", 0.5, "abcде", "abвг", "abв вг"),
    ],
)
def test_lower_bounds(rule, bound, below, at, above):
    for text, expected in ((below, rule), (at, None), (above, None)):
        assert verdict(text, OTHER, languages=("ru", "de"), **ONLY | {rule: bound}) == expected


def test_both_sides_are_judged_by_their_own_language():
    bounds = ONLY | {"min_script_share": 0.5}
    assert verdict("Привет", "hello", languages=("ru", "en"), **bounds) is None
    assert verdict("hello", "Привет", languages=("ru", "en"), **bounds) == "min_script_share"
    assert verdict("hello", "hello you", languages=("ru", "en"), **bounds) == "min_script_share"
    assert verdict("漢字", "12", languages=("ja", "en"), **bounds) is None  # no letter, no verdict


@pytest.mark.parametrize(
    "rule, source, target",
    [
        ("placeholder_mismatch", "Hello {name}", "Hallo"),
        ("number_mismatch", "page 7", "Seite 8"),
        (
            "wrong_language",
            "Dies ist ein ganz gewöhnlicher deutscher Satz, der nicht englisch ist.",
            "Dies ist ein anderer ganz gewöhnlicher deutscher Satz.",
        ),
    ],
)
def test_rules_of_pairs(rule, source, target):
    bound = 0.2 if rule == "wrong_language" else True
    assert verdict(source, target, languages=("en", "de"), **ONLY | {rule: bound}) == rule
    assert verdict(source, target, languages=("en", "de"), **ONLY) is None


@pytest.mark.parametrize(
    "rule, bound, text, expected",
    [
        ("broken_encoding", True, "lost \ufffd", "broken_encoding"),
        ("control_characters", True, "bell \x07", "control_characters"),
        ("min_script_share", 0.5, "Привет", "min_script_share"),
        ("max_repetition", 3, "la " * 9, "max_repetition"),
        ("max_url_share", 0.5, "https://example.org/a", "max_url_share"),
        ("max_markup_share", 0.5, "<p><br><br></p>", "max_markup_share"),
        ("min_characters", 90, "a short text", None),
        ("max_words", 1, "a short text", None),
        ("placeholder_mismatch", True, "Hello {name}", None),
    ],
)
def test_which_rules_are_for_monolingual_texts(rule, bound, text, expected):
    bounds = ONLY | {rule: bound}
    assert verdict(text, kind="text", languages=("en",), **bounds) == expected
    assert verdict(text, text + "!", kind="measure", languages=("en", "de"), **bounds) is None


def test_documents_are_judged_by_their_lines():
    text = "- one\n- two\n- three"
    sides = (pa.array([text.replace("\n", " ")]),)
    config = CleanConfig(documents={"max_bullet_lines": 0.9})
    assert judge(sides, "text", config, ("en",), [text])[0] == "max_bullet_lines"
    assert judge(sides, "text", config, ("en",), ["one\n- two\n- three"])[0] is None
    assert judge(sides * 2, "pair", config, ("en", "de"), [text])[0] == "identical"
    # What another rule has rejected keeps that rule's name.
    assert judge((pa.array([".."]),), "text", config, ("en",), ["- .\n- ."])[0] == "empty"


def test_languages_that_a_rule_does_not_know_are_an_error():
    check_languages(CleanConfig(), ("xx", "tlh"))
    check_languages(CleanConfig(min_script_share=0.5, wrong_language=0.1), ("en", "pt-BR", "nb"))
    with pytest.raises(InputError, match="clean.min_script_share: .*'tlh'"):
        check_languages(CleanConfig(min_script_share=0.5), ("en", "tlh"))
    check_languages(CleanConfig(min_script_share=0.5), ("en", "tlh-Latn"))
    with pytest.raises(InputError, match="clean.wrong_language: 'tlh'"):
        check_languages(CleanConfig(wrong_language=0.5), ("en", "tlh"))


# --- what holds for all rules --------------------------------------------------------------------

ALL_RULES = CleanConfig(
    min_script_share=0.6, min_characters=2, max_characters=40, max_words=5, max_word_length=9,
    max_length_ratio=2, max_markup_share=0.3, max_url_share=0.3, max_repetition=2,
    number_mismatch=True, wrong_language=0.05, documents={"preset": "published"},
)  # fmt: skip

# Arbitrary characters, and the pieces that rules look for.
PIECES = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["<b>", "</b>", "<x y='{'>", "{name}", "{{ x }}", "${a}", "%s", "%1$s", "%(n)s", "%%", "12",
         "1.000", "٣", "www.x.de", "a@b.de", "&lt;", "\ufffd", "\u00ad", "no no no no ",
         "{a, plural,", " ", "\n", "- ", "...", "это ", "das ", "the ", "漢字", "\U0001f600"]
    ),
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_verdict_on_a_row_hangs_on_that_row_alone(rows, draw):
    for kind, languages in (("pair", ("en", "ru")), ("text", ("de",)), ("measure", ("en", "ru"))):

        def judged(some, kind=kind, languages=languages):
            sides = tuple(
                pa.array(normalize_texts(side), pa.string()) for side in zip(*some, strict=True)
            )
            documents = [row[0] for row in some]
            return judge(sides[: len(languages)], kind, ALL_RULES, languages, documents).tolist()

        together = judged(rows)
        assert together == [verdict for row in rows for verdict in judged([row])]
        order = list(range(len(rows)))
        draw.shuffle(order)
        assert judged([rows[i] for i in order]) == [together[i] for i in order]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    ["<", "<a ", "<!--", "{", "{{ ", "${", "%", "%(", "%-#+", "a@", "a.", "www.", "1", "1 111 ",
     "&#", "a=", "=", ".)", "\u00ad", "漢", "ab ", "a://"],
)  # fmt: skip
def test_no_text_takes_long(piece):
    text = "a" + piece * (60_000 // len(piece)) + "b"
    config = dataclasses.replace(ALL_RULES, max_characters=False)
    sides = (pa.array([text, "x"]), pa.array([text[:-1] + "c", "y"]))
    assert len(judge(sides, "pair", config, ("en", "ru"))) == 2
    bounds = dataclasses.asdict(CleanConfig(documents={"preset": "published"}).documents)
    only = CleanConfig(min_letters_share=False, empty=False, documents=bounds)
    assert len(judge(sides[:1], "text", only, ("en",), [text, "x"])) == 2


# --- rejected rows in later rules ----------------------------------------------------------------


def asked_of(monkeypatch, rule, config, *columns):
    """How many rows a rule was asked of, and the verdicts."""
    asked = []

    def recorded(records, config):
        asked.append(len(records.sides[0]))
        return original(records, config)

    original = next(function for name, function, _ in filters.RULES if name == rule)
    replaced = tuple(
        (name, recorded if name == rule else function, kinds)
        for name, function, kinds in filters.RULES
    )
    monkeypatch.setattr(filters, "RULES", replaced)
    sides = tuple(pa.array(column, pa.string()) for column in columns)
    return asked, judge(sides, "pair", config, ("en", "de")).tolist()


def test_a_rejected_text_that_is_large_is_not_asked_about_again(monkeypatch):
    sources = [f"An ordinary sentence of number {n}." for n in range(40)]
    targets = [f"Ein gewöhnlicher Satz der Nummer {n}." for n in range(40)]
    sources[7], targets[30], sources[20] = "x" * 2001, "no " * 5 + "no", "y" * 50_000
    verdicts = [None] * 40
    verdicts[7] = verdicts[20] = "max_characters"
    verdicts[30] = "max_repetition"
    config = CleanConfig(max_repetition=4)
    asked, found = asked_of(monkeypatch, "max_repetition", config, sources, targets)
    assert (asked, found) == ([38], verdicts)


def test_nothing_is_copied_for_little(monkeypatch):
    sources = [f"An ordinary sentence of number {n}." for n in range(40)]
    targets = [f"Ein gewöhnlicher Satz der Nummer {n}." for n in range(40)]
    sources[7], targets[7] = "", "leer"
    asked, found = asked_of(
        monkeypatch, "max_repetition", CleanConfig(max_repetition=4), sources, targets
    )
    assert asked == [40] and found == ["empty" if n == 7 else None for n in range(40)]


def test_nothing_is_asked_where_all_is_rejected(monkeypatch):
    asked, found = asked_of(
        monkeypatch, "max_repetition", CleanConfig(max_repetition=4), ["x" * 2001], ["y" * 2001]
    )
    assert (asked, found) == ([], ["max_characters"])
