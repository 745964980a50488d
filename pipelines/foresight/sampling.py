"""A little of an input that is too large to look at all of it."""

import math

from .. import files
from ..formats import compression


def order(count: int) -> list[int]:
    """The numbers below `count`, such that any first few are from all over them.

    >>> order(8)
    [0, 5, 2, 7, 4, 1, 6, 3]
    """
    # A step near the golden section of a number that it shares no divisor with.
    step = next(n for n in range(round(count * 0.618), count + 2) if math.gcd(n, count or 1) == 1)
    return [number * step % count for number in range(count)]


def beginning(path: str, packed: str | None, most: int, target: str) -> int:
    """Writes the first lines of a file of lines, so many bytes of its text at most, as a plain
    file; packed: as of `compression.packed_as`. Returns their bytes.

    Raises:
      InputError: the file is damaged there.
    """
    data = bytearray()
    for block in compression.read_packed(path, packed):
        data += block
        if len(data) > most:
            data = data[: data.rfind(b"\n", 0, most) + 1]
            break
    files.write_atomic(target, bytes(data))
    return len(data)
