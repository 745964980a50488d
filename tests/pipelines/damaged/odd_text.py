"""Text that is encoded, ended or marked in odd ways."""

from tests.pipelines.damaged.corpora import COMPRESS, HEADER, PAIRS, Case, encode

BOM = b"\xef\xbb\xbf"
# So long that what is odd stands behind the part of a file that is looked at for its kind.
LONG = PAIRS * 3
# Bytes that are no UTF-8 of one kind each: alone, as a surrogate, too short, and never.
OFTEN = ("latin-1", "surrogate", "cut-character", "ff")


def all_cases():
    """Every case of this module."""
    return [*encodings(), *bad_bytes(), *line_ends(), *marks(), *many_lines()]


def encodings():
    """UTF-16 with its mark is read; what is no UTF-8 otherwise is refused as a whole."""
    for kind in ("tsv", "csv", "jsonl", "txt"):
        text = encode(kind).decode()
        for ending, compress in {"": bytes, ".gz": COMPRESS[".gz"], ".xz": COMPRESS[".xz"]}.items():
            file = f"a.{kind}{ending}"
            slow = ending != "" and (kind, ending) not in (("tsv", ".gz"), ("csv", ".xz"))
            for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
                marked = compress(("\ufeff" + text).encode(codec))
                read = (60, {}) if codec.startswith("utf-16") else (None,)
                yield Case(f"{codec}-mark-{file}", file, marked, *read, slow=slow)
                plain = compress(text.encode(codec))
                yield Case(f"{codec}-{file}", file, plain, None, slow=slow)
        ascii_only = text.replace("ä", "ae").replace("€😀", "Euro")
        yield Case(f"utf-7-{kind}", f"a.{kind}", ascii_only.encode("utf-7"), 60, {})
    half = ("\ufeff" + encode("tsv").decode()).encode("utf-16-le")
    yield Case("utf-16-odd", "a.tsv", half[:-1], 60, {"not_utf8": 1})  # half of the last line's end
    yield Case("utf-16-and-a-byte", "a.tsv", half + b"x", 61, {"not_utf8": 1})
    cut = ("\ufeff" + "one\ttwo\nthree\tfour😀").encode("utf-16-be")[:-2]
    yield Case("utf-16-half-pair", "a.tsv", cut, 2, {"not_utf8": 1})
    swapped = "\ufeffone\ttwo\n".encode("utf-16-le") + "\ufeffa\tb\n".encode("utf-16-be")
    yield Case("utf-16-both-ways", "a.tsv", swapped, 2, {"wrong_columns": 1})
    yield Case("utf-16-mark-alone", "a.tsv", b"\xff\xfe", 0, {})
    yield Case("utf-16-twice", "a.txt", "\ufeffone\n".encode("utf-16-le") * 2, 2, {})


def bad_bytes():
    """A row that is no UTF-8 costs itself; so does none but itself."""
    bad = {
        "latin-1": "süß".encode("latin-1"),
        "cp1252": b"\x93quoted\x94",
        "shift-jis": "翻訳".encode("shift-jis"),
        "overlong": b"\xc0\xaf",
        "surrogate": b"\xed\xa0\x80",
        "cesu-8": b"\xed\xa0\xbd\xed\xb8\x80",
        "beyond": b"\xf4\x90\x80\x80",
        "five-bytes": b"\xf8\x88\x80\x80\x80",
        "lone-continuation": b"\x80",
        "cut-character": b"\xe2\x82",
        "ff": b"\xff\xfe",
    }
    for name, wrong in bad.items():
        for kind in ("tsv", "csv", "jsonl", "txt"):
            data = encode(kind)
            row = {
                "tsv": wrong + b"\tx", "csv": wrong + b",x", "txt": b"x" + wrong,
                "jsonl": b'{"source": "' + wrong + b'", "target": "x"}',
            }[kind]  # fmt: skip
            raw = data[len(HEADER) :] if kind == "csv" else data
            yield Case(
                f"{name}-{kind}", f"a.{kind}", data + row + b"\n" + raw, 121, {"not_utf8": 1},
                raw=raw + row + b"\n" + raw,
                slow=kind in ("jsonl", "txt") and name not in OFTEN,
            )  # fmt: skip
    for kind, row in (("tsv", b"a\x00b\t\x00\n"), ("txt", b"\x00\n"), ("csv", b"\x00,\x00\n")):
        data = encode(kind, LONG)
        yield Case(f"nul-late-{kind}", f"a.{kind}", data + row, 181, {})
        yield Case(f"nul-early-{kind}", f"a.{kind}", row + data, None)
    row = b'{"source": "\x00", "target": "x"}\n'
    data = encode("jsonl", LONG)
    yield Case("nul-late-jsonl", "a.jsonl", data + row, 181, {"malformed_json": 1})
    yield Case("nul-block", "a.txt", encode("txt", LONG) + bytes(5000), 181, {})  # a lost page
    controls = bytes(range(1, 9)) + bytes(range(14, 32)) + b"\x7f"
    yield Case("controls", "a.txt", b"one" + controls + b"\n", 1, {})


def line_ends():
    """LF and CR LF end a line; CR, and Unicode's separators, do not."""
    for kind in ("tsv", "csv", "jsonl", "txt"):
        data = encode(kind)
        file = f"a.{kind}"
        crlf = data.replace(b"\n", b"\r\n")
        yield Case(f"crlf-{kind}", file, crlf, 60, {})
        rows = data.split(b"\n")
        mixed = b"".join(row + (b"\n", b"\r\n")[n % 2] for n, row in enumerate(rows[:-1]))
        yield Case(f"mixed-ends-{kind}", file, mixed, 60, {})
        yield Case(f"no-final-end-{kind}", file, data[:-1], 60, {})
        yield Case(f"final-cr-{kind}", file, data[:-1] + b"\r", 60, {})
        raw = data.replace(b"\n", b"\r")
        rejected = {"tsv": {"wrong_columns": 1}, "jsonl": {"malformed_json": 1}, "txt": {}}
        if kind == "csv":  # everything is the header row
            yield Case("cr-alone-csv", file, raw, None)
        else:
            yield Case(f"cr-alone-{kind}", file, raw, 1, rejected[kind])
    separators = "one\u2028two\u2029three\x85four\x0bfive\x0csix\x1cseven\n".encode()
    yield Case("separators", "a.txt", separators * 3, 3, {}, raw=separators * 3)


def marks():
    """A byte order mark counts at the very beginning; elsewhere it is a character."""
    for kind in ("tsv", "csv", "txt"):
        data = encode(kind)
        yield Case(f"bom-{kind}", f"a.{kind}", BOM + data, 60, {})
        rows = data.split(b"\n")
        within = b"\n".join([*rows[:30], BOM + rows[30], *rows[31:]])
        yield Case(f"bom-within-{kind}", f"a.{kind}", within, 60, {})
    yield Case("bom-jsonl", "a.jsonl", BOM + encode("jsonl"), 60, {})
    twice = BOM + encode("jsonl") + BOM + encode("jsonl")
    yield Case("bom-within-jsonl", "a.jsonl", twice, 120, {"malformed_json": 1})
    for ending, compress in COMPRESS.items():
        data = compress(BOM + encode("tsv")) + compress(BOM + encode("tsv"))
        yield Case(f"bom-streams{ending}", f"a.tsv{ending}", data, 120, {})
    yield Case("bom-alone-tsv", "a.tsv", BOM, 1, {"empty_line": 1})
    yield Case("bom-alone-csv", "a.csv", BOM, 0, {}, raw=b"")
    yield Case("bom-twice", "a.txt", BOM * 2 + b"one\n", 1, {})


def many_lines():
    """Nothing but line ends, and very long lines of little."""
    for count in (1, 2, 5000):
        yield Case(f"blank-{count}-tsv", "a.tsv", b"\n" * count, count, {"empty_line": count})
        yield Case(f"blank-{count}-txt", "a.txt", b"\r\n" * count, count, {})
        yield Case(f"blank-{count}-jsonl", "a.jsonl", b"\n" * count, count, {"empty_line": count})
        yield Case(f"blank-{count}-csv", "a.csv", HEADER + b"\n" * count, count,
                   {"empty_line": count})  # fmt: skip
    yield Case("tabs", "a.tsv", b"\t" * 100_000 + b"\n", 1, {"wrong_columns": 1})
    yield Case("commas", "a.csv", HEADER + b"," * 100_000 + b"\n", 1, {"wrong_columns": 1})
    yield Case("marks", "a.csv", HEADER + b'"' * 100_001 + b"\n", 1, {"malformed_csv": 1})
