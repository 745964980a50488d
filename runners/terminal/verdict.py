"""How a command ends: what was raised to an exit status and one plain line."""

from __future__ import annotations

import errno

import click

from electra_model.errors import InputError, WorkError, WorkPutOff

from . import interrupts


def of(error: BaseException) -> tuple[int, str]:
    """Exit status and the line to print, nothing where there is nothing to say."""
    if isinstance(error, interrupts.Interrupted):
        return error.status, interrupts.message()
    if isinstance(error, KeyboardInterrupt):
        return 130, interrupts.message()
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code, ""
    if isinstance(error, SystemExit):
        return (error.code if isinstance(error.code, int) else 1), ""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return 2, error.format_message()
    if isinstance(error, click.ClickException):
        command = getattr(error, "ctx", None)
        name = command.command_path if command else "electra"
        return 2, f"{name}: {error.format_message()} See `{name} --help`."
    if isinstance(error, InputError):
        return 2, _one_line(str(error))
    if isinstance(error, WorkError | WorkPutOff):
        return int(isinstance(error, WorkError)), _one_line(str(error))
    if isinstance(error, BrokenPipeError):
        return 1, ""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return 1, "No space is left on the disk. Free some and run the same command again."
    if isinstance(error, MemoryError):
        return 1, "Memory ran out. Lower runner.workers or train.batch_tokens and run again."
    return 1, _one_line(f"failed: {type(error).__name__}: {error} (--debug shows where)")


def _one_line(text: str) -> str:
    return " ".join(text.split())
