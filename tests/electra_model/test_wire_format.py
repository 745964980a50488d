import pytest

from electra_model.wire_format import read_varint, varint


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**31, "8080808008")],
)
def test_numbers_as_the_format_has_them(number, encoded):
    assert varint(number).hex() == encoded
    assert read_varint(b"\xff" + bytes.fromhex(encoded) + b"\xff", 1) == (
        number,
        1 + len(encoded) // 2,
    )


def test_data_that_end_within_a_number():
    with pytest.raises(IndexError):
        read_varint(b"\x80", 0)
