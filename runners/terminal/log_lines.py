"""A line on standard error: as text, or as one JSON object for whoever collects logs.

`--log-format json`, or the environment variable ELECTRA_LOG_FORMAT, which workers inherit.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import re
from typing import Any

from electra_model.errors import printable

VARIABLE = "ELECTRA_LOG_FORMAT"
FORMATS = ("text", "json")

_IS_WARNING = re.compile(r"(^|: )warning: ")

# "prepare: done in 0:12": what is said of a stage begins with its name.
_OF_STAGE = re.compile(r"([a-z_]+): (.+)", re.DOTALL)


def is_json() -> bool:
    """Whether lines are JSON objects."""
    return os.environ.get(VARIABLE) == "json"


def line(text: str, *, level: str = "info", **facts: Any) -> str:
    """The line that says `text`, without its end.

    As JSON it has `time` (UTC), `level`, `stage` where the text is about one, `message`, and the
    facts. As text it is the text, whose facts are said in it.
    """
    if not is_json():
        return printable(text)
    level = "warning" if level == "info" and _IS_WARNING.search(text) else level
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    found = _OF_STAGE.fullmatch(text)
    told = {"stage": found[1], "message": found[2]} if found else {"message": text}
    entry = {"time": now.replace("+00:00", "Z"), "level": level, **told, **facts}
    return json.dumps(entry, default=str)


class Formatter(logging.Formatter):
    """Of what the libraries log."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, or as `logging` has it."""
        if not is_json():
            return super().format(record)
        facts = {"logger": record.name}
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return line(record.getMessage(), level=record.levelname.lower(), **facts)
