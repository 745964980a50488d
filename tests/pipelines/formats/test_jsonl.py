import pytest

from pipelines.formats import registry


def read_all(path, fields):
    (unit,) = registry.plan([str(path)], ["train"], 1 << 20)
    (batch,) = registry.read(unit, fields, raw=True)
    columns = batch.to_pydict()
    return list(zip(columns["error"], *(columns[field] for field in fields), strict=True))


@pytest.mark.parametrize(
    "line, expected",
    [
        (b'{"text": "hello"}', (None, "hello")),
        (b'  {"text": ""}  ', (None, "")),
        (b'{"text": null}', ("missing_field", None)),
        (b'{"other": "x"}', ("missing_field", None)),
        (b'{"text": 5}', ("not_text", None)),
        (b'{"text": ["x"]}', ("not_text", None)),
        (b"[1, 2]", ("not_an_object", None)),
        (b'"text"', ("not_an_object", None)),
        (b"", ("empty_line", None)),
        (b"   ", ("empty_line", None)),
        (b'{"text": "x"', ("malformed_json", None)),
        (b'{"text": "x"} {"text": "y"}', ("malformed_json", None)),
        (b'{"text": "\xff"}', ("not_utf8", None)),
        (rb'{"text": "\ud800"}', ("not_utf8", None)),
        (b"[" * 100_000, ("malformed_json", None)),
        (b'{"text": "x", "n": ' + b"9" * 5000 + b"}", ("malformed_json", None)),
    ],
)
def test_one_line(tmp_path, line, expected):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "before"}\n' + line + b'\n{"text": "after"}\n')
    assert read_all(path, ["text"]) == [(None, "before"), expected, (None, "after")]


def test_dots_reach_into_objects_and_a_spelled_out_key_wins(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"translation": {"en": "house", "de": "Haus"}}\n'
        '{"translation.en": "tree", "translation": {"en": "no", "de": "Baum"}}\n'
        '{"translation": "flat"}\n'
        '{"translation": {"en": "half"}}\n'
        '{"translation": [{"en": "list"}]}\n'
    )
    assert read_all(path, ["translation.en", "translation.de"]) == [
        (None, "house", "Haus"),
        (None, "tree", "Baum"),
        ("missing_field", None, None),
        ("missing_field", None, None),
        ("missing_field", None, None),
    ]


def test_byte_order_mark(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "x"}\n')
    assert read_all(path, ["text"]) == [(None, "x")]
