"""Recipes: the files in `runners/recipes/`, by name or by path, and job files made from them."""

from __future__ import annotations

import importlib.resources
import os
import re

from electra_model.errors import InputError
from pipelines import files


def _folder() -> str:
    return str(importlib.resources.files("runners") / "recipes")


def find(name: str) -> str:
    """The path of a recipe: `name` is that path already, or a name in `runners/recipes/`."""
    shipped = os.path.join(_folder(), f"{name}.yaml")
    for path in (name, shipped):
        if os.path.isfile(path):
            return path
    known = ", ".join(
        sorted(entry[:-5] for entry in os.listdir(_folder()) if entry.endswith("yaml"))
    )
    raise InputError(f"{name}: there is no such recipe; give the path of one, or one of: {known}")


def fill(recipe: str, **values: str) -> str:
    """The text of a shipped recipe with its `{{NAME}}` places filled in."""
    with open(find(recipe), encoding="utf-8") as stream:
        text = stream.read()
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    if left := re.search(r"\{\{\w+\}\}", text):
        raise ValueError(f"recipe {recipe}: nothing was given for {left[0]}")
    return text


def write_template(name: str, task: str = "translate") -> str:
    """Writes a commented job file for a task and returns its path.

    Raises `InputError` when it exists already or cannot be written.
    """
    path = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    stem = os.path.splitext(os.path.basename(path))[0]
    if not re.fullmatch(r"[\w.-]+", stem):
        raise InputError(f"{name}: a job's name is made of letters, digits, '.', '-' and '_'")
    if os.path.exists(path):
        raise InputError(f"{path}: exists already and is not overwritten; give another name")
    try:
        files.write_atomic(path, fill(task, NAME=stem).encode())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return path
