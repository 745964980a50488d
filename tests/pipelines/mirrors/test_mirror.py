import json

import pytest

from pipelines.mirrors import mirror
from pipelines.mirrors.mirror import Answer

ANSWER = Answer("Hallo", -0.25)
NONE = Answer(None, None, "missing_field")


@pytest.mark.parametrize(
    ("raw", "answer", "expected"),
    [
        (
            b'{"text":"Hi"}\n',
            ANSWER,
            b'{"text":"Hi", "translation": "Hallo", "translation_score": -0.25}\n',
        ),
        (
            b'{ "n": 1.0e5, "text": "\\u0048i", "n": 100000000000000000001, "text": "Hi" } \t\r\n',
            ANSWER,
            b'{ "n": 1.0e5, "text": "\\u0048i", "n": 100000000000000000001, "text": "Hi", '
            b'"translation": "Hallo", "translation_score": -0.25}\r\n',
        ),
        (
            b"{}",
            NONE,
            b'{"translation": null, "translation_score": null, '
            b'"translation_error": "missing_field"}',
        ),
        (
            b"[1, {}]\n",
            Answer(None, None, "not_an_object"),
            b'{"translation": null, "translation_score": null, '
            b'"translation_error": "not_an_object", "_raw": "[1, {}]"}\n',
        ),
        (b"\n", Answer(None, None, "empty_line"), b"\n"),
        (b"  \r\n", Answer(None, None, "empty_line"), b"  \r\n"),
        (
            b'\xef\xbb\xbf{"text": ""}\n',
            Answer("", None),
            b'\xef\xbb\xbf{"text": "", "translation": "", "translation_score": null}\n',
        ),
    ],
)
def test_jsonl_row(raw, answer, expected):
    assert mirror.jsonl_row(raw, answer, "translation") == expected


def test_jsonl_rows_are_always_json():
    nasty = [
        b'{"text": "\\ud800", "big": ' + b"9" * 5000 + b"}",
        b"\xff\xfe\x00",
        b'{"a": ' * 5000 + b"1" + b"}" * 5000,
        b'"only a string',
        b"\xed\xa0\x80",
        "\u2028".encode(),
    ]
    for raw in nasty:
        row = mirror.jsonl_row(raw, Answer(None, None, "not_utf8"), "translation")
        assert b"\n" not in row
        assert json.loads(row, parse_int=str)["translation_error"] == "not_utf8"


def test_jsonl_answers_keep_their_characters():
    answer = Answer('"Ä" \u2028 \\ \x01', -1e-05)
    row = json.loads(mirror.jsonl_row(b'{"text": "x"}', answer, "de"))
    assert row == {"text": "x", "de": answer.translation, "de_score": -1e-05}


@pytest.mark.parametrize(
    ("raw", "taken"),
    [
        (b'{"text": "a"}', None),
        (b'{"text": "the \\"translation\\""}', None),
        (b'{"label": "translation"}', None),
        (b'{"inner": {"translation": 1}}', None),
        (b"not json translation", None),
        (b'["translation"]', None),
        (b'{"translation": null}', "translation"),
        (b'{"translation_score": 1}', "translation_score"),
        (b'{"translation_error": 1}', "translation_error"),
        (b'{"tr\\u0061nslation": 1}', "translation"),
    ],
)
def test_taken_name(raw, taken):
    assert mirror.taken_name(raw, "translation") == taken


@pytest.mark.parametrize(
    ("raw", "answer", "columns", "expected"),
    [
        (b"1\ta b\r\n", Answer("x\ty\nz", -1.0), None, b"1\ta b\tx y z\t-1.0\r\n"),
        (b"1\t", Answer("", None), 2, b"1\t\t\t"),
        (b"\n", Answer(None, None, "empty_line"), 2, b"\n"),
        (b"1\n", Answer(None, None, "wrong_columns"), 3, b"1\t\t\t\t\n"),
        (b"1\t2\t3\n", Answer(None, None, "wrong_columns"), 2, b"1\t2\t\t\t3\n"),
        (b"\xff\t2\n", Answer(None, None, "not_utf8"), 2, b"\xff\t2\t\t\n"),
    ],
)
def test_tsv_row(raw, answer, columns, expected):
    assert mirror.delimited_row(raw, answer, "\t", columns) == expected


@pytest.mark.parametrize(
    ("raw", "answer", "columns", "expected"),
    [
        (b'1,"a, ""b""\nc"\r\n', Answer('x, "y"\nz', -1.0), 2,
         b'1,"a, ""b""\nc","x, ""y""\nz",-1.0\r\n'),
        (b'"a,b",c,"d,e"\n', Answer(None, None, "wrong_columns"), 2, b'"a,b",c,,,"d,e"\n'),
        (b'"a,b"\n', Answer(None, None, "wrong_columns"), 3, b'"a,b",,,,\n'),
    ],
)  # fmt: skip
def test_csv_row(raw, answer, columns, expected):
    assert mirror.delimited_row(raw, answer, ",", columns, quoting=True) == expected


def test_headers():
    assert mirror.delimited_header(b"\xef\xbb\xbfid,text\r\n", "de, neu", ",", quoting=True) == (
        b'\xef\xbb\xbfid,text,"de, neu","de, neu_score"\r\n'
    )
    assert mirror.delimited_header(b"text", "de", "\t") == b"text\tde\tde_score"


@pytest.mark.parametrize(
    ("raw", "answer", "expected"),
    [
        (b"Hi\r\n", ANSWER, b"Hallo\r\n"),
        (b"Hi", ANSWER, b"Hallo"),
        (b" \n", Answer(" ", None), b" \n"),
        (b"\n", Answer("", None), b"\n"),
        (b"\xff\xfe\n", Answer(None, None, "not_utf8"), b"\n"),
        (b"\xef\xbb\xbfHi\n", ANSWER, b"\xef\xbb\xbfHallo\n"),
    ],
)
def test_text_line(raw, answer, expected):
    assert mirror.text_line(raw, answer) == expected
