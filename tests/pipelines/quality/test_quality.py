import pytest

from pipelines.config import ChecksConfig
from pipelines.quality import quality
from pipelines.quality.quality import Checker


def check(source, output, target_lang="de", task="translate", source_lang="en", **bounds):
    return Checker(ChecksConfig(**bounds), task, source_lang, target_lang)(source, output)


ENGLISH = "The battery of the device is nearly empty and should be charged again soon."
GERMAN = "Der Akku des Geräts ist fast leer und sollte bald wieder aufgeladen werden."


@pytest.mark.parametrize(
    "source, output, expected",
    [
        (ENGLISH, GERMAN, ()),
        ("Hello {name}", "", ("empty_translation",)),
        ("Hello {name}", "Hallo", ("lost_span",)),
        ("Hello", "Hallo {name}", ("added_span",)),
        ("Hello {name}", "Hallo {Name}", ("lost_span", "added_span")),
        ("in 10 minutes", "in 11 Minuten", ("lost_number", "added_number")),
        ("1,000 m for {0}", "{0}: 1.000 m", ()),
        ("until 2024-05-01", "bis 01.05.2024", ()),
        ("until 2024-05-01", "bis 02.05.2024", ("lost_number", "added_number")),
        ("2 of {2}", "2 von {3}", ("lost_span", "added_span")),  # a number in a span is no number
        ("no light", "kein Licht kein Licht", ("repetition",)),
        ("Save all changes", "Save all changes", ("untranslated",)),
        (ENGLISH, ENGLISH, ("untranslated", "wrong_language")),
        (ENGLISH, "La batterie de l'appareil est presque vide et doit être rechargée.",
         ("wrong_language",)),
        ("It is on", "Das Licht ist jetzt schon seit einer Weile an", ("length_ratio",)),
    ],
)  # fmt: skip
def test_flags(source, output, expected):
    assert check(source, output) == expected


def test_flags_have_a_fixed_order():
    found = check("Send {a} to 7 people", "Send {b} to 8 8 people" + " and people" * 9)
    assert found == ("lost_span", "added_span", "lost_number", "added_number", "length_ratio",
                     "repetition", "wrong_language")  # fmt: skip
    assert list(found) == sorted(found, key=quality.FLAGS.index)
    assert quality.in_order(["b", "repetition", "a", "lost_span", "a"]) == (
        "lost_span", "repetition", "a", "b",
    )  # fmt: skip


@pytest.mark.parametrize(
    "switched, source, output",
    [
        ("lost_span", "Hello {name}", "Hallo {Name}"),
        ("lost_number", "in 10 minutes", "in 11 Minuten"),
        ("length_ratio", "It is on", "Das Licht ist jetzt schon seit einer Weile an"),
        ("repetition", "no light", "kein Licht kein Licht"),
        ("untranslated", "Save all changes", "Save all changes"),
        ("wrong_language", ENGLISH, "La batterie de l'appareil est presque vide."),
    ],
)
def test_a_check_can_be_switched_off(switched, source, output):
    assert check(source, output)
    assert check(source, output, **{switched: False}) == ()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", 0),
        ("again and again and", 2),
        ("again and again", 0),
        ("no, no, no", 2),
        ("x y z x y z x y", 3),
        ("1 1 1 1 1", 0),
        ("{0} {0} {0}", 0),
        ("这个这个这个", 2),
        ("常常看看", 0.5),
    ],
)
def test_what_is_said_again(text, expected):
    assert quality.said_again(quality.protected_spans.around(text)) == expected


@pytest.mark.parametrize(
    "source, output, expected",
    [
        ("no no no, it is off", "nein nein nein, es ist aus", False),
        ("it is off", "es ist ist aus", False),
        ("it is off", "es ist ist ist aus", True),
        ("it is off", "es ist es ist aus", True),
        ("the devices that the group has", "die Geräte, die die Gruppe hat", False),
    ],
)
def test_repetition(source, output, expected):
    assert quality.repeats(source, output, 2) == expected


@pytest.mark.parametrize(
    "source, output, expected",
    [
        ("a" * 10, "b" * 40, False),
        ("a" * 10, "b" * 41, True),
        ("a" * 41, "b" * 10, True),
        ("OK", "Einverstanden", False),
        ("", "b" * 99, False),
        ("The light is on now, and it stays on for long", "灯现在亮着，而且会亮很久", False),
        ("The light is on now, and it stays on for long", "灯", True),
    ],
)
def test_length(source, output, expected):
    assert quality.differs_in_length(source, output, 2.5) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("save all changes", True),
        ("Home Assistant Supervisor", False),
        ("{name} at https://a.org/the/same/text", False),
        ("Matter Server 5.0", False),
        ("sudo apt-get", False),
        ("online", False),
        ("保存所有更改", True),
        ("OK", False),
    ],
)
def test_a_copy(text, expected):
    assert quality.is_copy(text, f" {text} ") == expected
    assert not quality.is_copy(text, text + " x")


def test_languages_that_are_not_asked_about():
    french = "La batterie de l'appareil est presque vide et doit être rechargée."
    assert check(ENGLISH, french, target_lang="") == ()
    assert check(ENGLISH, french, target_lang="xx") == ()
    assert check(ENGLISH, french[:39]) == ()
    # From English to English a copy may be right.
    assert check(ENGLISH, ENGLISH, target_lang="en-GB", source_lang="en-US") == ()


@pytest.mark.parametrize("task", ["summarise", "generate"])
def test_a_summary_need_not_say_everything(task):
    source = f"{ENGLISH} It has 5 % left, see {{url}}."
    assert check(source, "Charge it.", target_lang="en", source_lang="en", task=task) == ()
    stutter = "Charge it. Charge it. Charge it."
    assert check(source, stutter, target_lang="en", task=task) == ("repetition",)


def test_what_was_carried_over():
    found = quality.carried_over("{a} has 3 of 4 {b} {b}", "{b}: 4 von 5 {a} {c}")
    assert found == (3, 2, 2, 1)
    assert quality.carried_over("2024-05-01", "01.05.2024") == (0, 0, 3, 3)
