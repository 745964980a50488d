"""A few of the sentences that a run is to translate, from all over its inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from .. import files, translate
from ..config import TranslateConfig
from ..formats import compression, lines, registry
from ..mirrors import registry as documents
from ..translation import translation_inputs, translation_plan
from ..translation.translation_inputs import InputFile
from ..translation.translation_plan import PlannedUnit
from ..units import Unit
from . import sampling, stage_costs

# Sentences that are drawn at least, where there are as many, and bytes that are read at once.
SEGMENTS = 512
_STRETCH = 64 * translation_plan.BYTES_PER_SEGMENT
# Files that are read as a whole, or from their beginning, are no larger.
_MOST = 16 << 20


@dataclasses.dataclass(frozen=True)
class TranslationSample:
    """What was drawn.

    Attributes:
      segments: sentences, or whole texts where the task has such.
      text_bytes: of what they were read from.
      all_bytes: of all inputs, unpacked, as far as that shows without unpacking them.
    """

    segments: tuple[str, ...]
    text_bytes: int
    all_bytes: int

    @property
    def all_segments(self) -> int:
        """About how many there are in all."""
        return round(len(self.segments) * self.all_bytes / max(1, self.text_bytes))


def draw(config: TranslateConfig, model: dict[str, Any], folder: str) -> TranslationSample:
    """Reads stretches of the inputs.

    Args:
      model: {"task", "source_lang", "target_lang"}, of the one that translates.
      folder: an empty local one, for what is unpacked.

    Raises:
      InputError: as `translation_plan.plan_translate`, of the files that are looked at.
    """
    paths = translation_inputs.find_inputs(config.input)
    segments: list[str] = []
    read = 0
    stretches = max(1, round(SEGMENTS * translation_plan.BYTES_PER_SEGMENT / _STRETCH / len(paths)))
    for place in sampling.order(len(paths)):
        for planned in _stretches(config, paths[place], stretches, f"{folder}/{place}"):
            found = translate.read_unit(
                planned,
                config.text_field,
                model["source_lang"] or "",
                model["task"],
                model["target_lang"] or "",
            )
            segments += found.segments
            read += planned.unit.size
        if len(segments) >= SEGMENTS:
            break
    return TranslationSample(tuple(segments), read, sum(map(_text_bytes, paths)))


def _stretches(
    config: TranslateConfig, path: str, count: int, folder: str
) -> Iterator[PlannedUnit]:
    form, packed = documents.format_of(path)
    lined = form in registry.ONE_LINE_FORMATS
    if lined and packed is not None:
        target = f"{folder}.{form}"
        size = sampling.beginning(path, compression.packed_as(path, packed), _MOST, target)
        path, packed = target, None
    size = files.size(path)
    if not size or (size > _MOST and not lined):
        return
    file = InputFile(path, "", form, packed, "", size, plain=path)
    file = translation_inputs.open_up(
        file, config.text_field, config.output_field, folder, _STRETCH
    )
    if not lined:
        (planned,) = translation_plan.cut([file], "", _STRETCH)
        yield from (planned.units[place] for place in sampling.order(len(planned.units))[:count])
        return
    count = max(1, min(count, size // _STRETCH))
    for number in range(count):
        start = lines.line_start(path, number * size // count)
        stop = lines.line_start(path, min(size, start + _STRETCH))
        if start < stop:
            unit = Unit(0, "0", path, form, None, start, stop, stop - start, "translate")
            yield PlannedUnit(unit, "", file)


def _text_bytes(path: str) -> int:
    packed = documents.format_of(path)[1]
    return files.size(path) * (stage_costs.UNFOLDING if packed else 1)
