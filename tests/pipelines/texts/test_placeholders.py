import pyarrow as pa
import pytest

from pipelines.texts.characters import columns_of
from pipelines.texts.placeholders import (
    numbers_differ,
    numbers_of,
    placeholders_differ,
    placeholders_of,
)


def differ(rule, source, target):
    found = rule(*columns_of((pa.array(["", source, "x"]), pa.array(["", target, "y"]))))
    assert found[[0, 2]].tolist() == [False, False]
    return bool(found[1])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{name} {0} {} {a.b[0]!r:>10}", ["{name}", "{0}", "{}", "{a.b[0]}"]),
        ("{{ x }} {{y}} ${z} ${a+b}", ["{{x}}", "{{y}}", "${z}", "${a+b}"]),
        ("%s %d %i %u %5.2f %-3s %ld %@", ["%s", "%d", "%d", "%d", "%f", "%s", "%d", "%@"]),
        ("%(name)s %(n)ds", ["%(name)s", "%(n)d"]),
        ("%1$s von %2$d", ["%s", "%d"]),
        ("%2$dx%3$d", ["%d", "%d"]),
        ("%sGiB, %ss, %dth", ["%s", "%s", "%d"]),
        ("100 %, 100%, 50% of, 100%sure, 5 % fertig, %%s", []),
        ("<b>x</b> <BR/> <br>", ["<b>", "</b>", "<br>", "<br>"]),
        ("<a href='{url}'>x</a>", ["{url}", "<a>", "</a>"]),
        ("<x-y>z</x-y>", ["<x-y>", "</x-y>"]),
        ("<br /> <img src='a.png' alt=''>", ["<br>", "<img>"]),
        ("cp <file> <directory>, -t <table one>", []),
        ("a < b > c, {not this}, { }", []),
    ],
)
def test_placeholders(text, expected):
    assert placeholders_of(text) == expected


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ("Hello {name}", "Hallo {name}", False),
        ("Hello {name}", "Hallo {Name}", True),
        ("Hello {name}", "Hallo", True),
        ("Hello", "Hallo {name}", True),
        ("{0} of {1}", "{1} von {0}", False),
        ("{a} and {a}", "{a}", True),
        ("%s of %s", "%2$s von %1$s", False),
        ("%s of %s", "%s", True),
        ("%s", "%d", True),
        ("${x}", "{x}", True),
        ("{{x}}", "{x}", True),
        ("50% off", "50 % Rabatt", False),
        ("<b>x</b>", "<B>y</B>", False),
        ("<b>x</b>", "<b>y<b>", True),
        ("<b>x</b> <i>y</i>", "<i>y</i> <b>x</b>", False),
        ('<a href="en.html">x</a>', '<a href="de.html" title="t">y</a>', False),
        ("<br>x", "<br/>y", False),
        ("cp <file>", "cp <Datei>", False),
        ("{n, plural, one {# file} other {{x}}}", "{n, plural, other {Datei {y}}}", False),
    ],
)
def test_placeholders_that_differ(source, target, expected):
    assert differ(placeholders_differ, source, target) is expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("7 and 007 and 0", ["7", "7", "0"]),
        ("1,234.50", ["123450"]),
        ("1.234,50", ["123450"]),
        ("1 234,50", ["123450"]),
        ("1'234.50", ["123450"]),
        ("12:30 on 2024-05-01", ["1230", "2024", "5", "1"]),
        ("1, 2, 3.", ["1", "2", "3"]),
        ("3 4", ["3", "4"]),
        ("١٢٣ and १२३ and １２３", ["123", "123", "123"]),
        ("x²", []),
        ("v1.2.3", ["123"]),
        ("", []),
    ],
)
def test_numbers(text, expected):
    assert sorted(numbers_of(text).elements()) == sorted(expected)


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ("page 7", "Seite 7", False),
        ("page 7", "Seite 8", True),
        ("7 of 7", "7", True),
        ("1,000 m", "1.000 m", False),
        ("٧ صفحة", "page 7", False),
        ("two", "2", True),
        ("two", "zwei", False),
    ],
)
def test_numbers_that_differ(source, target, expected):
    assert differ(numbers_differ, source, target) is expected
