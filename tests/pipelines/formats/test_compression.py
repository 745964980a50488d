import bz2
import gzip
import io
import lzma
import os

import pytest
import zstandard

from electra_model.errors import InputError
from pipelines.formats import compression

WRITERS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(level=19).compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
# A character of each length in UTF-8, and one that is a pair of surrogates in UTF-16.
TEXT = "aä€😀\n\u2028z\r\n" * 3


def utf16(text, codec):
    return ("\ufeff" + text).encode(codec, "surrogatepass")


def read_in_blocks(data, size, monkeypatch, path):
    """What `read_packed` makes of UTF-16 that arrives in blocks of some size."""
    path.write_bytes(data)
    monkeypatch.setattr(compression, "_PLAIN_BLOCK", size)
    monkeypatch.setattr(compression, "_HEAD", size)
    return b"".join(compression.read_packed(str(path), compression.UTF16))


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_is_handed_on_as_utf8_wherever_blocks_end(tmp_path, monkeypatch, codec):
    data = utf16(TEXT, codec)
    for size in range(2, len(data) + 1):
        found = read_in_blocks(data, size, monkeypatch, tmp_path / "a.txt")
        assert found == TEXT.encode(), size


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text, cut, expected",
    [
        ("one", 0, b"one"),
        ("one", 1, b"on\xff"),  # an odd byte
        ("one😀", 1, b"one\xff"),  # a surrogate and a half
        ("one😀", 2, b"one\xff"),  # half a pair
        ("one😀", 3, b"one\xff"),
        ("one😀", 4, b"one"),
        ("a\ud83d\nb", 0, b"a\xed\xa0\xbd\nb"),  # a surrogate alone is no UTF-8 either
        ("a\ude00\nb", 0, b"a\xed\xb8\x80\nb"),
        ("", 0, b""),
    ],
)
def test_what_is_no_utf16_is_no_utf8_either(tmp_path, monkeypatch, codec, text, cut, expected):
    data = utf16(text, codec)
    data = data[: len(data) - cut]
    for size in (2, 3, 1 << 16):
        assert read_in_blocks(data, size, monkeypatch, tmp_path / "a.txt") == expected, size


@pytest.mark.parametrize(
    "head, codec",
    [
        (b"\xff\xfea\x00", "utf-16-le"),
        (b"\xfe\xff\x00a", "utf-16-be"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xff\xfe\x00\x00", None),  # UTF-32
        (b"\x00\x00\xfe\xff", None),
        (b"\xef\xbb\xbfa", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_the_mark_of_utf16(head, codec):
    assert compression.utf16_of(head) == codec


@pytest.mark.parametrize("compressed", WRITERS)
def test_marks_count_however_small_the_streams_are(tmp_path, compressed):
    path = tmp_path / "a"
    write = WRITERS[compressed]
    data = utf16(TEXT, "utf-16-le")
    path.write_bytes(b"".join(write(data[n : n + 1]) for n in range(len(data))))
    assert b"".join(compression.read_packed(str(path), compressed)) == TEXT.encode()
    for text, name in (("a", "utf-32"), ("ab", "utf-16-le")):
        encoded = text.encode(name)
        path.write_bytes(b"".join(write(encoded[n : n + 1]) for n in range(len(encoded))))
        with pytest.raises(InputError, match=r"/a: .*(UTF-32|zero bytes).*convert it to UTF-8"):
            list(compression.read_packed(str(path), compressed))


@pytest.mark.parametrize("compressed", WRITERS)
def test_a_few_bytes_that_stand_for_many_are_read_in_pieces(tmp_path, compressed):
    size = 150_000_000
    path = tmp_path / "bomb"
    block = bytes(1_000_000)
    with open(path, "wb") as stream, opened(stream, compressed) as packed:
        for _ in range(150):
            packed.write(block)
    assert path.stat().st_size < 200_000
    found = longest = 0
    for content in compression.decompress(str(path), compressed):
        found, longest = found + len(content), max(longest, len(content))
    assert found == size
    assert longest <= 32 << 20


def opened(stream, compressed):
    if compressed == "gzip":
        return gzip.open(stream, "wb", 6)
    if compressed == "bzip2":
        return bz2.open(stream, "wb")
    if compressed == "xz":
        return lzma.open(stream, "wb", preset=0)
    return zstandard.ZstdCompressor().stream_writer(stream, closefd=False)


@pytest.mark.parametrize("compressed", WRITERS)
def test_streams_end_where_they_end_whatever_the_blocks(tmp_path, monkeypatch, compressed):
    path = tmp_path / "a"
    contents = [b"one" * 1000, b"", b"two", bytes(range(256)) * 9]
    streams = [WRITERS[compressed](content) for content in contents]
    path.write_bytes(streams[0] + b"".join(streams[1:]) + bytes(70))
    starts = [0, len(streams[0]), *[len(b"".join(streams[:n])) for n in (2, 3)]]
    for size in (17, 64, 1000, 1 << 14):
        monkeypatch.setattr(compression, "_STORED_BLOCK", size)
        found = {}
        for member, content in compression.decompress_members(str(path), compressed):
            found[member] = found.get(member, b"") + content
        assert found == {
            start: content for start, content in zip(starts, contents, strict=True) if content
        }
        rest = b"".join(
            c for _, c in compression.decompress_members(str(path), compressed, starts[2])
        )
        assert rest == contents[2] + contents[3]


@pytest.mark.parametrize("packed", [None, *WRITERS])
def test_open_packed_is_a_stream_of_the_text(tmp_path, packed):
    path = tmp_path / "a"
    content = b"".join(b"%d\x00line\n" % n for n in range(40_000))
    path.write_bytes(WRITERS[packed](content) if packed else content)
    with compression.open_packed(str(path), packed) as stream:
        assert isinstance(stream, io.BufferedReader)
        assert stream.read(7) == b"0\x00line\n"[:7]
        assert stream.readline() == b"1\x00line\n"
        assert stream.read() == content[14:]
        assert stream.read(1) == b""


def test_open_packed_of_utf16_leaves_it_to_the_parser(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(utf16(TEXT, "utf-16-be"))
    with compression.open_packed(str(path), compression.UTF16) as stream:
        assert stream.read() == utf16(TEXT, "utf-16-be")


def test_open_packed_of_a_cut_off_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(b"text" * 1000)[:-4])
    with pytest.raises(InputError, match="/a: the gzip data ends in the middle"):
        compression.open_packed(str(path), "gzip").read()


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 5_000_000)
    blocks = compression.read_range(str(path), 0, 5_000_000)
    assert len(next(blocks)) == 1 << 20
    os.truncate(path, 2_000_000)
    message = r"/a: ends at byte 2,000,000, 3,000,000 bytes sooner than when the work began"
    with pytest.raises(InputError, match=message):
        list(blocks)
