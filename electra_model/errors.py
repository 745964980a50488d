"""The two ways in which work can end badly, both with a message that is meant for the user."""


class _OneLineError(Exception):
    """An error whose message is one line: a file's name, or what a library says, may hold more."""

    def __init__(self, message: str = "") -> None:
        super().__init__("\\n".join(str(message).splitlines()))


class InputError(_OneLineError):
    """The command line, the job file or an input named in it is wrong.

    The message is one line that names the key or the file, what was found and what is allowed.
    The command line prints it without a traceback and exits with status 2.
    """


class WorkError(_OneLineError):
    """The work itself failed: status 1. The message says what failed, where, and the remedy."""


class MissingColumnError(InputError):
    """A file has no column of the name that is asked for."""
