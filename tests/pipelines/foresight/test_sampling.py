import gzip

import pytest

from electra_model.errors import InputError
from pipelines.foresight import sampling


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 100, 997])
def test_every_number_comes_once_and_the_first_few_are_from_all_over(count):
    order = sampling.order(count)
    assert sorted(order) == list(range(count))
    if count >= 100:
        few = sorted(order[:5])
        gaps = [b - a for a, b in zip([0, *few], [*few, count], strict=True)]
        assert max(gaps) < 0.45 * count


@pytest.mark.parametrize("packed", [None, "gzip"])
def test_the_beginning_ends_with_a_line(tmp_path, packed):
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    source, target = tmp_path / "a.txt", tmp_path / "b.txt"
    source.write_bytes(gzip.compress(text) if packed else text)
    size = sampling.beginning(str(source), packed, 1000, str(target))
    written = target.read_bytes()
    assert size == len(written) <= 1000
    assert text.startswith(written) and written.endswith(b"\n") and size > 980


def test_a_file_that_is_smaller_is_all_there(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ntwo")
    assert sampling.beginning(str(tmp_path / "a.txt"), None, 1000, str(tmp_path / "b")) == 7
    assert (tmp_path / "b").read_bytes() == b"one\ntwo"


def test_damage_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"text\n" * 1000)[:-20])
    with pytest.raises(InputError, match="a.txt"):
        sampling.beginning(str(tmp_path / "a.txt"), "gzip", 10_000, str(tmp_path / "b"))
