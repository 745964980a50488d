"""The wire format of protocol buffers, as far as it is read by hand: where neither TensorFlow nor a
schema is to be loaded.

Source: Protocol Buffers documentation, "Encoding", section "Base 128 Varints".
"""

from __future__ import annotations


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """(the number at a position, the position after it).

    Raises:
      IndexError: the data end within the number.

    >>> read_varint(bytes([0xAC, 0x02, 0x05]), 0)
    (300, 2)
    """
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position


def varint(number: int) -> bytes:
    """A number that is not negative, seven bits a byte, the lowest first.

    >>> varint(300).hex()
    'ac02'
    """
    data = b""
    while number >= 0x80:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])
