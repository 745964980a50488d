import gzip
import itertools
import struct
import zlib

import pytest
import zstandard

from electra_model.errors import InputError
from pipelines.formats import members, registry

# Where the streams of a file are cut, in text of "|".
LAYOUTS = [
    "one\ntwo\n|three\nfour\n|five\n",  # at line ends
    "one\ntw|o\nth|ree\nfour",  # within lines
    "one|\ntwo|\n\n|\n|three\n",  # before line ends; a stream of one
    "|one\n||two\n|||three",  # empty streams
    "one\n|",  # an empty one last
    "||",  # nothing at all
    "o|n|e|, al|one",  # one line in all streams
    "a very long line that goes on for long, and on\n|x\n|y\n|z\n",
    "\ufeffone\n\ufefftwo|\ufeffthree\n",  # byte order marks
    "one\r|\ntwo\r\n|\rthree\r",  # CR LF over a cut
    "\n|\n|\n",
]


def pieces_of(layout):
    return [piece.encode() for piece in layout.split("|")]


def skippable(size, nibble=0):
    """A frame that a decompressor passes over (RFC 8878, section 3.1.2)."""
    return bytes([0x50 + nibble]) + b"\x2a\x4d\x18" + struct.pack("<I", size) + b"?" * size


def zstd(**options):
    return zstandard.ZstdCompressor(**options).compress


def zstd_streamed(piece):
    """A frame that does not say how long its content is."""
    stream = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return stream.compress(piece) + stream.flush()


def bgzf(piece):
    """A gzip member with an extra field that says how long it is (SAM specification, 4.1)."""
    stream = zlib.compressobj(wbits=-15)
    body = stream.compress(piece) + stream.flush()
    head = b"\x1f\x8b\x08\x04" + bytes(4) + b"\x00\xff" + struct.pack("<H", 6)
    extra = b"BC" + struct.pack("<HH", 2, len(body) + 25)
    return head + extra + body + struct.pack("<II", zlib.crc32(piece), len(piece))


def gzip_named(piece):
    """A gzip member that keeps the file's name and a comment (RFC 1952, section 2.3)."""
    stream = zlib.compressobj(wbits=-15)
    body = stream.compress(piece) + stream.flush()
    head = b"\x1f\x8b\x08\x18" + bytes(4) + b"\x00\x03" + b"name\x00" + b"comment\x00"
    return head + body + struct.pack("<II", zlib.crc32(piece), len(piece))


WRITERS = {
    "gzip": (".gz", gzip.compress),
    "gzip-named": (".gz", gzip_named),
    "bgzf": (".gz", bgzf),
    "zstd": (".zst", zstd()),
    "zstd-checksum": (".zst", zstd(write_checksum=True)),
    "zstd-no-size": (".zst", zstd(write_content_size=False)),
    "zstd-streamed": (".zst", zstd_streamed),
    "zstd-skippable": (".zst", lambda piece: skippable(3, 7) + zstd()(piece) + skippable(0)),
    "zstd-padded": (".zst", lambda piece: zstd()(piece) + bytes(5)),
    "gzip-padded": (".gz", lambda piece: gzip.compress(piece) + bytes(512)),
}


def read_rows(path, unit_bytes):
    """(error, raw, text) of all rows, and the number of units."""
    units = registry.plan([str(path)], ["train"], unit_bytes)
    found = []
    for unit in units:
        for batch in registry.read(unit, ["text"], raw=True):
            columns = batch.to_pydict()
            found += zip(columns["error"], columns["raw"], columns["text"], strict=True)
    return found, len(units)


def expected_rows(text):
    """The rows that the text has, found in another way than the reader's."""
    raws = [raw + b"\n" for raw in text.split(b"\n")]
    raws[-1] = raws[-1][:-1]
    raws = raws[:-1] if raws[-1] == b"" else raws
    rows = []
    for number, raw in enumerate(raws):
        body = raw[:-1] if raw[-1:] == b"\n" else raw
        body = body[:-1] if body[-1:] == b"\r" else body
        body = body.decode()
        rows.append((None, raw, body.removeprefix("\ufeff") if number == 0 else body))
    return rows


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writer", WRITERS)
def test_units_of_any_size_give_the_rows_of_the_whole(tmp_path, writer, layout):
    ending, write = WRITERS[writer]
    path = tmp_path / f"a.txt{ending}"
    pieces = pieces_of(layout)
    path.write_bytes(b"".join(write(piece) for piece in pieces))
    expected = expected_rows(b"".join(pieces))
    size = path.stat().st_size
    most = 0
    for unit_bytes in itertools.chain(range(1, 4 * size, 29), [4 * size, 1 << 20]):
        rows, units = read_rows(path, unit_bytes)
        assert rows == expected, unit_bytes
        most = max(most, units)
    assert most >= len([piece for piece in pieces if piece])
    assert units == 1


@pytest.mark.parametrize("writer", ["gzip", "zstd"])
def test_units_are_runs_of_whole_streams(tmp_path, writer):
    ending, write = WRITERS[writer]
    path = tmp_path / f"a.txt{ending}"
    streams = [write(b"line %d\n" % n) for n in range(9)]
    path.write_bytes(b"".join(streams))
    starts = [0, *itertools.accumulate(len(stream) for stream in streams)]
    packed = {".gz": "gzip", ".zst": "zstd"}[ending]
    assert members.cut(str(path), packed, 1) == list(itertools.pairwise(starts))
    three = members.cut(str(path), packed, 4 * starts[3])
    assert three == [(starts[0], starts[3]), (starts[3], starts[6]), (starts[6], starts[9])]
    assert members.cut(str(path), packed, 4 * starts[9]) == [(0, -1)]


@pytest.mark.parametrize("writer", ["gzip", "zstd"])
def test_lines_longer_than_a_block_of_the_decompressor(tmp_path, writer):
    ending, write = WRITERS[writer]
    path = tmp_path / f"a.txt{ending}"
    texts = [f"{n} " * 300_000 + "\n" for n in range(3)]
    whole = "".join(texts).encode()
    cuts = [0, 10, 700_000, 700_001, len(whole) - 5, len(whole)]
    path.write_bytes(b"".join(write(whole[a:b]) for a, b in itertools.pairwise(cuts)))
    rows, units = read_rows(path, 1)
    assert units == 5
    assert [text for _, _, text in rows] == [text[:-1] for text in texts]


def test_one_stream_is_one_unit(tmp_path):
    for ending, write in ((".gz", gzip.compress), (".zst", zstd())):
        path = tmp_path / f"a.txt{ending}"
        path.write_bytes(write(b"one\ntwo\n" * 100))
        assert members.cut(str(path), {".gz": "gzip", ".zst": "zstd"}[ending], 1) == [(0, -1)]


def test_a_long_first_gzip_member_is_left_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "_LONGEST_FIRST_MEMBER", 1000)
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"x\n" * 400_000) + gzip.compress(b"last\n"))
    rows, units = read_rows(path, 1)
    assert (len(rows), units) == (400_001, 1)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_in_streams_of_one_byte_is_one_unit(tmp_path, codec):
    path = tmp_path / "a.txt.gz"
    text = "\ufeffone\n😀 two".encode(codec)
    path.write_bytes(b"".join(gzip.compress(bytes([byte])) for byte in text))
    rows, units = read_rows(path, 1)
    assert units == 1 and [text for _, _, text in rows] == ["one", "😀 two"]


@pytest.mark.parametrize("writer", WRITERS)
def test_every_cut_off_file_is_an_input_error_or_ends_with_a_stream(tmp_path, writer):
    ending, write = WRITERS[writer]
    path = tmp_path / f"a.txt{ending}"
    streams = [write(piece) for piece in (b"one\ntw", b"o\n", b"three\n")]
    data = b"".join(streams)
    ends = list(itertools.accumulate(len(stream) for stream in streams))
    # A cut in padding, or behind a frame that holds nothing, is no cut.
    whole = [expected_rows(text) for text in (b"", b"one\ntw", b"one\ntwo\n", b"one\ntwo\nthree\n")]
    failed = 0
    for keep in range(1, len(data) + 1):
        path.write_bytes(data[:keep])
        for unit_bytes in (1, 1 << 20):
            try:
                rows, _ = read_rows(path, unit_bytes)
            except InputError as error:
                failed += 1
                assert keep not in ends
                assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            else:
                assert rows in whole
    assert failed > 70


def test_what_follows_the_frames(tmp_path):
    path = tmp_path / "a.txt.zst"
    data = zstd()(b"one\n" * 2000) + zstd()(b"two\n")
    path.write_bytes(data[:-5])
    with pytest.raises(InputError, match=r"a\.txt\.zst: the zstd data ends in the middle"):
        read_rows(path, 1)
    path.write_bytes(data + b"no frame")
    with pytest.raises(InputError, match=rf"follows the compressed data at byte {len(data)}"):
        registry.plan([str(path)], ["train"], 1)
