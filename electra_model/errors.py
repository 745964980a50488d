"""The two ways in which work can end badly, both with a message that is meant for the user."""

import re

# Characters that a terminal acts on, or that no encoding of UTF-8 has.
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


def printable(text: str) -> str:
    """A text for a person as one line: line ends and control characters as escape sequences.

    >>> printable("two\\nlines")
    'two\\\\nlines'
    """
    return "\\n".join(
        _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], line) for line in text.splitlines()
    )


class _OneLineError(Exception):
    """An error whose message is one line: a file's name, or what a library says, may hold more."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(str(message)))


class InputError(_OneLineError):
    """The command line, the job file or an input named in it is wrong.

    The message is one line that names the key or the file, what was found and what is allowed.
    The command line prints it without a traceback and exits with status 2.
    """


class WorkError(_OneLineError):
    """The work itself failed: status 1. The message says what failed, where, and the remedy."""


class WorkPutOff(_OneLineError):
    """The work was handed to others and is not done yet: status 0. The message says to whom."""


class MissingColumnError(InputError):
    """A file has no column of the name that is asked for."""
