import pickle

import pytest

from electra_model.errors import InputError, WorkError


@pytest.mark.parametrize("kind", [InputError, WorkError])
def test_a_message_is_one_line_whatever_is_quoted_in_it(kind):
    error = kind("two\nlines.tsv: is\r\nwrong\u2028here")
    assert str(error) == r"two\nlines.tsv: is\nwrong\nhere"
    assert str(kind("a \x1b[31mred\tfile\ud800\x9b")) == r"a \x1b[31mred\tfile\ud800\x9b"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(kind()) == ""
