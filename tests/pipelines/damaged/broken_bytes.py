"""Files whose bytes were damaged on the way: cut off, flipped, grown, or under a wrong name."""

import random

from tests.pipelines.damaged.corpora import COMPRESS, HEADER, LINE_KINDS, Case, count_lines, encode

KINDS = (*LINE_KINDS, "parquet")


def all_cases():
    """Every case of this module."""
    return [*cut_off(), *cut_off_compressed(), *flipped(), *flipped_compressed(), *trailing(),
            *concatenated(), *wrong_names(), *empties()]  # fmt: skip


def _places(size, count):
    """Places to cut at: near both ends and in between."""
    inner = [size * n // (count - 5) for n in range(1, count - 5)]
    return sorted({1, 2, 7, size - 1, size - 3, size - 9, *inner})


def _rows(kind, data):
    return count_lines(data) - (kind == "csv" and data != b"")


def cut_off():
    """Plain files: a line format loses what is gone, and keeps the rest to the byte."""
    for kind in KINDS:
        data = encode(kind)
        for number, place in enumerate(_places(len(data), 14)):
            kept, slow = data[:place], number % 2 == 1
            if kind == "parquet":
                yield Case(f"cut-{kind}-{place}", f"a.{kind}", kept, None, slow=slow)
                continue
            # Of CSV the header may be cut, and then the column is missing.
            whole = kind != "csv" or place > len(HEADER)
            raw = kept[len(HEADER) :] if kind == "csv" else kept
            rows = _rows(kind, kept) if whole else None
            yield Case(f"cut-{kind}-{place}", f"a.{kind}", kept, rows, raw=raw, slow=slow)


def cut_off_compressed():
    """A compressed stream that ends early is an error, wherever it ends."""
    for kind in LINE_KINDS:
        for ending, compress in COMPRESS.items():
            data = compress(encode(kind))
            for number, place in enumerate(_places(len(data), 10)):
                name = f"cut-{kind}{ending}-{place}"
                slow = kind != "tsv" and number not in (2, 5)
                yield Case(name, f"a.{kind}{ending}", data[:place], None, slow=slow)


def _flip(data, draw, count):
    changed = bytearray(data)
    for _ in range(count):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def flipped():
    """Single bits and a hundred: lines are lines, and what they hold is rejected or is text."""
    for kind in KINDS:
        draw = random.Random(kind)
        data = encode(kind)
        for number in range(16):
            changed = _flip(data, draw, (1, 3, 30, 100)[number % 4])
            name, slow = f"flip-{kind}-{number}", number >= 8
            if kind == "parquet":
                yield Case(name, "a.parquet", changed, 60, may_fail=True, slow=slow)
            elif kind == "csv":
                body = changed[len(HEADER) :]
                if b'"' in body:
                    continue  # a mark of quotation: see `odd_records`
                changed = HEADER + body
                rows = count_lines(body)
                yield Case(name, "a.csv", changed, rows, may_fail=True, raw=body, slow=slow)
            else:
                rows = count_lines(changed)
                yield Case(name, f"a.{kind}", changed, rows, may_fail=True, raw=changed, slow=slow)


def flipped_compressed():
    """Checksums find it, but in headers that mean nothing for the text."""
    for ending, compress in COMPRESS.items():
        draw = random.Random(ending)
        text = encode("tsv")
        data = compress(text)
        for number in range(16):
            changed = _flip(data, draw, (1, 1, 5, 50)[number % 4])
            name = f"flip-tsv{ending}-{number}"
            yield Case(
                name, f"a.tsv{ending}", changed, 60, may_fail=True, raw=text, slow=number >= 8
            )


def trailing():
    """Something behind the end."""
    for ending, compress in COMPRESS.items():
        data = compress(encode("tsv"))
        for name, rest in (
            ("text", b"and more"), ("one-byte", b"x"), ("head", data[:3]), ("half", data[:-5]),
            ("zeros-and-text", bytes(100) + b"x"),
        ):  # fmt: skip
            yield Case(f"trailing-{name}{ending}", f"a.tsv{ending}", data + rest, None)
        for name, rest in (("zeros", bytes(1)), ("block-of-zeros", bytes(100_000))):
            yield Case(
                f"trailing-{name}{ending}", f"a.tsv{ending}", data + rest, 60, {},
                raw=encode("tsv"),
            )  # fmt: skip
    yield Case("trailing-text.parquet", "a.parquet", encode("parquet") + b"and more", None)
    twice = encode("parquet") * 2  # offsets count from the beginning, so the second is not found
    yield Case("parquet-twice", "a.parquet", twice, 60, may_fail=True)


def concatenated():
    """Streams laid end to end, cut within lines, empty ones between them."""
    for kind in LINE_KINDS:
        data = encode(kind)
        raw = data[len(HEADER) :] if kind == "csv" else data
        for ending, compress in COMPRESS.items():
            for count in (2, 7, 50):
                bounds = [len(data) * n // count for n in range(count + 1)]
                pieces = [data[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
                packed = b"".join(compress(piece) + compress(b"") for piece in pieces)
                name = f"streams-{count}-{kind}{ending}"
                slow = count != 7 and (count, kind) not in ((2, "tsv"), (50, "csv"))
                yield Case(name, f"a.{kind}{ending}", packed, 60, {}, raw=raw, slow=slow)
        ends = [COMPRESS[ending](data) for ending in COMPRESS]
        yield Case(f"mixed-streams-{kind}", f"a.{kind}.gz", ends[0] + ends[1], None)


def wrong_names():
    """Every content under every name that is not its own."""
    contents = {f".tsv{ending}": compress(encode("tsv")) for ending, compress in COMPRESS.items()}
    contents |= {".parquet": encode("parquet"), ".tsv": encode("tsv")}
    contents |= {".zip": b"PK\x03\x04\x14\x00\x00\x00\x08\x00", ".elf": b"\x7fELF\x02\x01\x01\x00"}
    contents |= {".png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ".pdf": b"%PDF-1.7\n%\xe2\x00\n"}
    for content, data in contents.items():
        for name in (".tsv", ".jsonl", ".txt", ".parquet", *(f".tsv{e}" for e in COMPRESS)):
            if name == content or (content, name) in ((".tsv", ".txt"), (".tsv", ".jsonl")):
                continue
            slow = name in (".jsonl", ".tsv.bz2", ".tsv.xz")
            yield Case(f"content{content}-name{name}", f"a{name}", data, None, slow=slow)
    yield Case("tsv-as-jsonl", "a.jsonl", encode("tsv"), 60, {"malformed_json": 60})
    yield Case("jsonl-as-tsv", "a.tsv", encode("jsonl"), 60, {"wrong_columns": 60})
    yield Case("csv-as-tsv", "a.tsv", encode("csv"), 61, {"wrong_columns": 61})
    yield Case("tsv-as-csv", "a.csv", encode("tsv"), None)


def empties():
    """Files and streams with nothing in them."""
    for kind in LINE_KINDS:
        yield Case(f"empty-{kind}", f"a.{kind}", b"", 0, {}, raw=b"")
        for ending, compress in COMPRESS.items():
            file, none = f"a.{kind}{ending}", compress(b"")
            slow = kind != "tsv" and ending != ".gz"
            yield Case(f"empty-{kind}{ending}", file, b"", None, slow=slow)
            yield Case(f"empty-stream-{kind}{ending}", file, none, 0, {}, raw=b"", slow=slow)
            yield Case(f"empty-streams-{kind}{ending}", file, none * 9, 0, {}, raw=b"", slow=slow)
    yield Case("empty-parquet", "a.parquet", b"", None)
    yield Case("no-rows-parquet", "a.parquet", encode("parquet", []), 0, {})
