import pyarrow as pa
import pytest

from electra_model.errors import InputError
from pipelines.formats import registry


def write(path, batches, stream=False, **options):
    opener = pa.ipc.new_stream if stream else pa.ipc.new_file
    options = pa.ipc.IpcWriteOptions(**options)
    with opener(str(path), batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_all(path, fields, unit_bytes=1 << 30):
    found = []
    for unit in registry.plan([str(path)], ["train"], unit_bytes):
        registry.check_fields(unit, fields)
        first = 0
        for batch in registry.read(unit, fields):
            assert batch.column(0).to_pylist() == list(range(first, first + batch.num_rows))
            first += batch.num_rows
            found += zip(*(column.to_pylist() for column in batch.columns[1:]), strict=True)
    return found


def texts(start, stop):
    return pa.record_batch({"id": list(range(start, stop)), "text": list("abcdefghij"[start:stop])})


@pytest.mark.parametrize("name", ["a.arrow", "a.feather"])
@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("stream", [False, True])
def test_file_and_stream(tmp_path, name, compression, stream):
    write(
        tmp_path / name, [texts(0, 3), texts(3, 4), texts(4, 10)], stream, compression=compression
    )
    assert read_all(tmp_path / name, ["text"]) == [(None, letter) for letter in "abcdefghij"]


def test_record_batches_of_a_file_are_units(tmp_path):
    batches = [texts(n, n + 2) for n in range(0, 10, 2)]
    write(tmp_path / "a.arrow", batches)
    write(tmp_path / "b.arrow", batches, stream=True)
    size = (tmp_path / "a.arrow").stat().st_size
    plan = registry.plan([str(tmp_path / "a.arrow")], ["train"], size // 2 - 1)
    assert [(unit.start, unit.stop) for unit in plan] == [(0, 1), (1, 3), (3, 5)]
    assert sum(unit.size for unit in plan) == size
    assert len(registry.plan([str(tmp_path / "a.arrow")], ["train"], 1)) == 5
    assert len(registry.plan([str(tmp_path / "b.arrow")], ["train"], 1)) == 1
    for unit_bytes in (1, size // 2, size):
        assert read_all(tmp_path / "a.arrow", ["text"], unit_bytes) == [
            (None, letter) for letter in "abcdefghij"
        ]


def test_same_columns_as_parquet(tmp_path):
    batch = pa.record_batch(
        {
            "translation": pa.array([{"en": "house", "de": "Haus"}, None, {"en": None, "de": "x"}]),
            "kind": pa.array(["u", "v", "u"]).dictionary_encode(),
            "long": pa.array(["p", "q", "r"], pa.large_string()),
            "view": pa.array(["p", None, "a text that is too long to be inline"], pa.string_view()),
            "bytes": pa.array([b"\xff", None, b"x"], pa.binary()),
            "a.b": ["1", "2", "3"],
            "n": [1, 2, 3],
        }
    )
    for stream in (False, True):
        write(tmp_path / "a.arrow", [batch], stream)
        assert read_all(tmp_path / "a.arrow", ["translation.en", "translation.de"]) == [
            (None, "house", "Haus"), ("missing_field", None, None), ("missing_field", None, None),
        ]  # fmt: skip
        assert read_all(tmp_path / "a.arrow", ["long", "kind", "a.b"]) == [
            (None, "p", "u", "1"), (None, "q", "v", "2"), (None, "r", "u", "3"),
        ]  # fmt: skip
        assert read_all(tmp_path / "a.arrow", ["bytes", "view"]) == [
            ("not_utf8", None, None),
            ("missing_field", None, None),
            (None, "x", "a text that is too long to be inline"),
        ]
        with pytest.raises(InputError, match="has no column 'text'; it has translation.en, "):
            read_all(tmp_path / "a.arrow", ["text"])
        with pytest.raises(InputError, match="'n' holds int64, not text"):
            read_all(tmp_path / "a.arrow", ["n"])


def test_large_batches_are_handed_on_in_pieces(tmp_path):
    write(tmp_path / "a.arrow", [pa.record_batch({"text": [f"{n:01000d}" for n in range(9000)]})])
    (unit,) = registry.plan([str(tmp_path / "a.arrow")], ["train"], 1 << 30)
    counts = [batch.num_rows for batch in registry.read(unit, ["text"])]
    assert len(counts) == 3 and sum(counts) == 9000
    assert read_all(tmp_path / "a.arrow", ["text"])[-1] == (None, f"{8999:01000d}")


@pytest.mark.parametrize("stream", [False, True])
def test_no_batches(tmp_path, stream):
    opener = pa.ipc.new_stream if stream else pa.ipc.new_file
    opener(str(tmp_path / "a.arrow"), pa.schema({"text": pa.string()})).close()
    assert read_all(tmp_path / "a.arrow", ["text"]) == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("missing", [20, 1500])
def test_cut_off(tmp_path, stream, missing):
    write(tmp_path / "a.arrow", [pa.record_batch({"text": ["x" * 500] * 40})], stream)
    content = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(content[:-missing])
    with pytest.raises(InputError, match=r"a\.arrow: cannot be read as Arrow .* is it complete\?"):
        read_all(tmp_path / "a.arrow", ["text"])


@pytest.mark.parametrize("content", [b"", b"plain text and nothing else", b"PAR1"])
def test_something_else(tmp_path, content):
    (tmp_path / "a.arrow").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.arrow: cannot be read as Arrow"):
        read_all(tmp_path / "a.arrow", ["text"])


def test_offsets_that_point_nowhere(tmp_path):
    """A damaged file must not be followed out of its buffers."""
    write(tmp_path / "a.arrow", [pa.record_batch({"text": ["aaaa", "bbbb"]})])
    content = (tmp_path / "a.arrow").read_bytes()
    offsets = b"\x00\x00\x00\x00\x04\x00\x00\x00\x08\x00\x00\x00"
    assert content.count(offsets) == 1
    damaged = content.replace(offsets, b"\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\xff\x7f")
    (tmp_path / "a.arrow").write_bytes(damaged)
    with pytest.raises(InputError, match=r"a\.arrow: cannot be read as Arrow"):
        read_all(tmp_path / "a.arrow", ["text"])


def test_what_is_not_read(tmp_path):
    (tmp_path / "a.feather").write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(InputError, match="is Feather of version 1"):
        read_all(tmp_path / "a.feather", ["text"])
    with pytest.raises(InputError, match=r"a\.arrow\.gz: Arrow is compressed inside"):
        registry.format_of("a.arrow.gz")
