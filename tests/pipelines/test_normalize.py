import pyarrow as pa
import pytest

from pipelines.normalize import normalize_texts, reduce_sources


@pytest.mark.parametrize(
    "text, expected",
    [
        ("  a \t b\n", "a b"),
        ("a\u00a0b\u2028c\u3000d", "a b c d"),
        ("Cafe\u0301", "Café"),
        ("\u2003", ""),
        ("½ m² ﬁ", "½ m² ﬁ"),  # NFC, not NFKC: nothing is replaced by something like it
        ("zero\u200bwidth", "zero\u200bwidth"),
        ("", ""),
    ],
)
def test_normalize(text, expected):
    assert normalize_texts([text]) == [expected]
    assert normalize_texts([expected]) == [expected]


def test_reduced_sources():
    reduced = reduce_sources(
        pa.array(["Page 3 of 7.", "page 14 OF 9", "Straße", "3.14", "5 + 5", "", "第 3 章"])
    )
    assert reduced.to_pylist() == ["pageof", "pageof", "straße", "3.14", "+", "", "第章"]
