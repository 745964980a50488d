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
        for place in _places(len(data), 14):
            kept = data[:place]
            if kind == "parquet":
                yield Case(f"cut-{kind}-{place}", f"a.{kind}", kept, None)
                continue
            # Of CSV the header may be cut, and then the column is missing.
            whole = kind != "csv" or place > len(HEADER)
            raw = kept[len(HEADER) :] if kind == "csv" else kept
            rows = _rows(kind, kept) if whole else None
            yield Case(f"cut-{kind}-{place}", f"a.{kind}", kept, rows, raw=raw)


def cut_off_compressed():
    """A compressed stream that ends early is an error, wherever it ends."""
    for kind in LINE_KINDS:
        for ending, compress in COMPRESS.items():
            data = compress(encode(kind))
            for place in _places(len(data), 10):
                name = f"cut-{kind}{ending}-{place}"
                yield Case(name, f"a.{kind}{ending}", data[:place], None)


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
            name = f"flip-{kind}-{number}"
            if kind == "parquet":
                yield Case(name, "a.parquet", changed, 60, may_fail=True)
            elif kind == "csv":
                body = changed[len(HEADER) :]
                if b'"' in body:
                    continue  # a mark of quotation: see `odd_records`
                changed = HEADER + body
                yield Case(name, "a.csv", changed, count_lines(body), may_fail=True, raw=body)
            else:
                rows = count_lines(changed)
                yield Case(name, f"a.{kind}", changed, rows, may_fail=True, raw=changed)


def flipped_compressed():
    """Checksums find it, but in headers that mean nothing for the text."""
    for ending, compress in COMPRESS.items():
        draw = random.Random(ending)
        text = encode("tsv")
        data = compress(text)
        for number in range(16):
            changed = _flip(data, draw, (1, 1, 5, 50)[number % 4])
            name = f"flip-tsv{ending}-{number}"
            yield Case(name, f"a.tsv{ending}", changed, 60, may_fail=True, raw=text)


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
                yield Case(name, f"a.{kind}{ending}", packed, 60, {}, raw=raw)
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
            yield Case(f"content{content}-name{name}", f"a{name}", data, None)
    yield Case("tsv-as-jsonl", "a.jsonl", encode("tsv"), 60, {"malformed_json": 60})
    yield Case("jsonl-as-tsv", "a.tsv", encode("jsonl"), 60, {"wrong_columns": 60})
    yield Case("csv-as-tsv", "a.tsv", encode("csv"), 61, {"wrong_columns": 61})
    yield Case("tsv-as-csv", "a.csv", encode("tsv"), None)


def empties():
    """Files and streams with nothing in them."""
    for kind in LINE_KINDS:
        yield Case(f"empty-{kind}", f"a.{kind}", b"", 0, {}, raw=b"")
        for ending, compress in COMPRESS.items():
            file = f"a.{kind}{ending}"
            yield Case(f"empty-{kind}{ending}", file, b"", None)
            yield Case(f"empty-stream-{kind}{ending}", file, compress(b""), 0, {}, raw=b"")
            yield Case(f"empty-streams-{kind}{ending}", file, compress(b"") * 9, 0, {}, raw=b"")
    yield Case("empty-parquet", "a.parquet", b"", None)
    yield Case("no-rows-parquet", "a.parquet", encode("parquet", []), 0, {})
