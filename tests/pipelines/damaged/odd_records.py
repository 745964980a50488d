"""Records that are well encoded and not what they should be: JSON, CSV, TSV, Parquet."""

import pyarrow as pa

from tests.pipelines.damaged.corpora import HEADER, Case, encode, parquet

DEEP = 50_000


def all_cases():
    """Every case of this module."""
    return [*json_lines(), *csv_rows(), *csv_headers(), *tsv_rows(), *tables(), *bad_tables()]


def json_lines():
    """One odd line between sound ones, and the slug that it gets; None where it is sound too."""
    lines = {
        "number": (b'{"source": 5, "target": "x"}', "not_text"),
        "list": (b'{"source": ["x"], "target": "x"}', "not_text"),
        "object": (b'{"source": {"x": 1}, "target": "x"}', "not_text"),
        "truth": (b'{"source": true, "target": "x"}', "not_text"),
        "null": (b'{"source": null, "target": "x"}', "missing_field"),
        "missing": (b'{"target": "x"}', "missing_field"),
        "empty-object": (b"{}", "missing_field"),
        "other-case": (b'{"Source": "x", "Target": "y"}', "missing_field"),
        "array": (b'["source", "target"]', "not_an_object"),
        "string": (b'"source"', "not_an_object"),
        "nothing": (b"null", "not_an_object"),
        "nan": (b"NaN", "not_an_object"),
        "nan-inside": (b'{"source": "x", "target": "y", "n": NaN}', None),
        "infinity": (b'{"source": "x", "target": "y", "n": -Infinity}', None),
        "huge-float": (b'{"source": "x", "target": "y", "n": 1e999999}', None),
        "huge-integer": (b'{"source": "x", "target": "y", "n": ' + b"9" * 6000 + b"}",
                         "malformed_json"),
        "duplicate-keys": (b'{"source": 1, "source": "x", "target": "y"}', None),
        "duplicate-keys-last": (b'{"source": "x", "source": 1, "target": "y"}', "not_text"),
        "lone-surrogate": (rb'{"source": "\ud800", "target": "y"}', "not_utf8"),
        "lone-low-surrogate": (rb'{"source": "a\udc00b", "target": "y"}', "not_utf8"),
        "pair-of-surrogates": (rb'{"source": "\ud83d\ude00", "target": "y"}', None),
        "escaped-nul": (rb'{"source": "a\u0000b", "target": "y"}', None),
        "raw-control": (b'{"source": "a\x01b", "target": "y"}', "malformed_json"),
        "raw-tab": (b'{"source": "a\tb", "target": "y"}', "malformed_json"),
        "deep-array": (b"[" * DEEP, "malformed_json"),
        "deep-closed": (b"[" * DEEP + b"]" * DEEP, "malformed_json"),
        "deep-object": (b'{"source": ' * DEEP, "malformed_json"),
        "comma": (b'{"source": "x", "target": "y",}', "malformed_json"),
        "single-quotes": (b"{'source': 'x', 'target': 'y'}", "malformed_json"),
        "comment": (b'{"source": "x", "target": "y"} // z', "malformed_json"),
        "two-objects": (b'{"source": "x"}{"target": "y"}', "malformed_json"),
        "cut": (b'{"source": "x", "targ', "malformed_json"),
        "plain-text": (b"source target", "malformed_json"),
        "brace": (b"{", "malformed_json"),
        "blank": (b"   ", "empty_line"),
        "no-break-space": ("\u00a0".encode(), "empty_line"),
        "spaces-around": (b'  {"source": "x", "target": "y"}  ', None),
        "separators": ('{"source": "x\u2028y", "target": "y\x85z"}'.encode(), None),
    }  # fmt: skip
    sound = encode("jsonl")
    for name, (line, slug) in lines.items():
        data = sound + line + b"\n" + sound
        yield Case(f"json-{name}", "a.jsonl", data, 121, {slug: 1} if slug else {}, raw=data)
    pretty = b'[\n  {\n    "source": "x",\n    "target": "y"\n  }\n]\n'
    yield Case("json-pretty", "a.jsonl", pretty, 6, {"malformed_json": 6})


def csv_rows():
    """Odd rows between sound ones: (bytes, how many records they are, slugs)."""
    rows = {
        "too-many": (b"a,b,c\n", 1, {"wrong_columns": 1}),
        "too-few": (b"a\n", 1, {"wrong_columns": 1}),
        "blank": (b"\n", 1, {"empty_line": 1}),
        "blank-crlf": (b"\r\n", 1, {"empty_line": 1}),
        "comma": (b",\n", 1, {}),
        "open": (b'"a,b\n', 1, {"malformed_csv": 1}),
        "open-second": (b'a,"b\n', 1, {"malformed_csv": 1}),
        "text-behind": (b'"a"x,b\n', 1, {"malformed_csv": 1}),
        "space-behind": (b'"a" ,b\n', 1, {"malformed_csv": 1}),
        "space-before": (b'a, "b"\n', 1, {}),
        "inch": (b'5" pipe,b\n', 1, {}),
        "doubled": (b'"a ""b""",c\n', 1, {}),
        "quadrupled": (b'"""""",c\n', 1, {}),
        "backslash": (b'"a \\"b\\"",c\n', 1, {"malformed_csv": 1}),
        "two-lines": (b'"a\nb",c\n', 1, {}),
        "two-lines-crlf": (b'"a\r\nb",c\r\n', 1, {}),
        "blank-lines-inside": (b'"a\n\n\nb",c\n', 1, {}),
        "row-inside": (b'"a\nsource,target\nb",c\n', 1, {}),
        "comma-inside": (b'"a,b",c\n', 1, {}),
        "semicolons": (b"a;b\n", 1, {"wrong_columns": 1}),
        "tabs": (b"a\tb\n", 1, {"wrong_columns": 1}),
        "bad-inside": (b'"a\nb\xff",c\n', 1, {"not_utf8": 1}),
        "stripped": (b'5","7\n' * 50, 50, {"malformed_csv": 50}),
        "header-again": (HEADER, 1, {}),
    }
    sound = encode("csv")
    for name, (row, count, errors) in rows.items():
        raw = row + sound[len(HEADER) :]
        yield Case(f"csv-{name}", "a.csv", sound + raw, 60 + count + 60, errors,
                   raw=sound[len(HEADER) :] + raw)  # fmt: skip
        # As the last row, with nothing behind it that could close a cell.
        yield Case(f"csv-{name}-last", "a.csv", sound + row, 60 + count, errors)


def csv_headers():
    """The first row names the columns, or the file is refused."""
    rows = b"a,b\n" * 3
    for name, header, count in (
        ("quoted", b'"source","target"\r\n', 3),
        ("more", b"id,source,target\n", 3),
        ("swapped", b"target,source\n", 3),
        ("twice", b"source,target,source\n", 3),
        ("spaces", b" source , target \n", None),
        ("other-case", b"Source,Target\n", None),
        ("none", b"", None),
        ("blank", b"\n", None),
        ("not-utf8", b"source,target\xff\n", None),
        ("open", b'source,"target\n', None),
        ("semicolons", b"source;target\n", None),
        ("excel", b"sep=,\nsource,target\n", None),
    ):
        wrong = {"wrong_columns": 3} if name in ("more", "twice") else {}
        yield Case(f"csv-header-{name}", "a.csv", header + rows, count, wrong)
    yield Case("csv-header-alone", "a.csv", HEADER, 0, {})
    yield Case("csv-header-alone-not-ended", "a.csv", HEADER[:-1], 0, {})


def tsv_rows():
    """A quotation mark is a character, and columns are counted."""
    sound = encode("tsv")
    for name, row, slug in (
        ("one", b"a\n", "wrong_columns"),
        ("three", b"a\tb\tc\n", "wrong_columns"),
        ("tab-at-the-end", b"a\tb\t\n", "wrong_columns"),
        ("spaces", b"   \n", "wrong_columns"),
        ("blank", b"\n", "empty_line"),
        ("empty-cells", b"\t\n", None),
        ("quoted", b'"a\tb"\n', None),
        ("open", b'"a\tb\n', None),
        ("comma", b"a,b\n", "wrong_columns"),
        ("cr-inside", b"a\rb\tc\n", None),
    ):
        data = sound + row + sound
        yield Case(f"tsv-{name}", "a.tsv", data, 121, {slug: 1} if slug else {}, raw=data)


def tables():
    """Parquet whose columns are text of some kind, with nulls and bad bytes."""
    texts = ["one", "zwei ä", "", None]
    for name, kind in (
        ("string", pa.string()), ("large", pa.large_string()), ("view", pa.string_view()),
        ("binary", pa.binary()), ("large-binary", pa.large_binary()),
    ):  # fmt: skip
        column = pa.array(texts, kind)
        table = pa.table({"source": column, "target": column})
        for options in ({}, {"use_dictionary": False}, {"compression": "zstd"}):
            yield Case(f"table-{name}-{'-'.join(options)}", "a.parquet", parquet(table, **options),
                       4, {"missing_field": 1})  # fmt: skip
    bad = pa.table({"source": [b"a", b"\xff", b"\xed\xa0\x80"], "target": [b"x", b"y", b"z"]})
    yield Case("table-bad-bytes", "a.parquet", parquet(bad), 3, {"not_utf8": 2})
    nulls = pa.table({"source": pa.nulls(5), "target": ["x"] * 5})
    yield Case("table-nulls", "a.parquet", parquet(nulls), 5, {"missing_field": 5})
    no_groups = pa.table({"source": pa.array([], pa.string()), "target": pa.array([], pa.string())})
    yield Case("table-without-rows", "a.parquet", parquet(no_groups), 0, {})


def bad_tables():
    """Parquet that has not the columns."""
    for name, columns in (
        ("missing", {"source": ["x"]}),
        ("number", {"source": [1], "target": ["x"]}),
        ("list", {"source": [["x"]], "target": ["x"]}),
        ("struct", {"source": [{"x": "y"}], "target": ["x"]}),
        ("other-case", {"Source": ["x"], "Target": ["x"]}),
        ("none", {}),
    ):
        yield Case(f"table-{name}", "a.parquet", parquet(pa.table(columns)), None)
    twice = pa.table([pa.array(["x"])] * 3, names=["source", "target", "source"])
    yield Case("table-column-twice", "a.parquet", parquet(twice), None)
