"""The model inside Beam: a `RunInference` handler whose element is a whole unit.

Beam's own TensorFlow handler stacks single examples into one array. Here an element is all
sentences of a unit; Beam's batching may put several small units together, so that the model's
batches are full even when files are tiny. The model is loaded once per process. A sentence's
translation does not depend on what else is in the batch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from apache_beam.metrics.metric import Metrics
from apache_beam.ml.inference.base import ModelHandler

from electra_model.decoding import Sampling
from electra_model.errors import InputError, WorkError

from . import files, tasks
from .texts import segmentation, whole_texts
from .translation import model_folder
from .translation.outcome import Outcome, mean_score

if TYPE_CHECKING:
    from .memory.memory import MemoryPlace

# Of Beam's counters: "remembered", segments that the memory answered, and "translated".
METRICS = "electra_translate"


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How sentences are decoded; part of the fingerprint of every translation.

    Attributes:
      beam_size: hypotheses kept at each step; 1 is greedy search.
      length_penalty: exponent of the length by which scores are divided.
      max_length: tokens of the longest translation; None means the model's own bound.
      min_length, no_repeat_ngram, sampling, shortlist: see `electra_model.decoding`.
      engine: what computes, and in which numbers, where that is not TensorFlow.
    """

    beam_size: int
    length_penalty: float
    max_length: int | None = None
    min_length: int = 2
    no_repeat_ngram: int = 0
    sampling: Sampling | None = None
    shortlist: bool = False
    engine: str | None = None

    def settings(self) -> dict[str, Any]:
        """Name -> value of all that translations depend on. What came later is left out where it
        changes nothing, so that what is complete stays so."""
        values = dataclasses.asdict(self)
        later = ("min_length", "no_repeat_ngram", "sampling", "shortlist", "engine")
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        return {
            name: value
            for name, value in values.items()
            if name not in later or value != usual[name]
        }

    def of_parts(self) -> Decoding:
        """The same for parts of sentences, which may be short."""
        return dataclasses.replace(self, min_length=2)

    def options(self) -> dict[str, Any]:
        """What `TranslationModel.translate` is told; what is as usual goes unsaid where it came
        later."""
        return {name: getattr(self, name) for name in self.settings() if name != "engine"}


class TranslationModel(Protocol):
    """What the handler needs of a loaded model folder; `electra_model.export.LoadedModel` has
    it.
    """

    @property
    def fingerprint(self) -> str:
        """What `model.json` says under this name."""
        ...

    @property
    def source_max_length(self) -> int:
        """Tokens, end mark included, of the longest sentence that the model takes."""
        ...

    def count_tokens(self, texts: list[str], /) -> np.ndarray:
        """int `[n]`: tokens of each text, end mark included."""
        ...

    def translate(
        self,
        texts: list[str],
        /,
        *,
        beam_size: int,
        length_penalty: float,
        max_length: int | None,
    ) -> tuple[list[str], np.ndarray]:
        """Translations in order, and float `[n]`: their scores. Told what `Decoding.options` has,
        which is more where something is not as usual."""
        ...


@dataclasses.dataclass(frozen=True)
class UnitText:
    """The sentences of one unit, and what its writer needs to know about it (`context`, carried
    along).
    """

    segments: tuple[str, ...]
    context: Any = None


@dataclasses.dataclass(frozen=True)
class UnitTranslation:
    """A unit's outcomes, one for each of its segments.

    `cut`: for whole texts, whether the model was given a part of each; else empty. `segments`: of
    the unit. `details`: of each segment, where they are wanted (see `details`).
    """

    outcomes: tuple[Outcome, ...]
    context: Any = None
    cut: tuple[bool, ...] = ()
    segments: tuple[str, ...] = ()
    details: tuple[dict[str, Any], ...] = ()


# Segments and how they are decoded -> their outcomes; and what stands between that and a unit.
Translate = Callable[[Sequence[str], Decoding], list[Outcome]]
Guard = Callable[[Sequence[str], Translate, Decoding], list[Outcome]]
# A model, segments, their outcomes and how they were decoded -> what else is told of each.
Tell = Callable[[Any, Sequence[str], Sequence[Outcome], Decoding], list[dict[str, Any]]]
# A model, segments and their outcomes -> the same with what the model says of them.
Judge = Callable[[Any, Sequence[str], Sequence[Outcome]], list[Outcome]]


def read_model_card(model_dir: str) -> dict[str, Any]:
    """The contents of a model folder's `model.json`. Needs no TensorFlow.

    Raises:
      InputError: the folder is not a model folder.
    """
    path = files.join(model_dir, "model.json")
    try:
        card = json.loads(files.read_bytes(path))
    except OSError:
        raise InputError(
            f"model: no model.json in {model_dir}; name a folder that `electra train` wrote"
        ) from None
    except ValueError as error:
        raise InputError(f"model: {path} is not JSON ({error}); the folder is damaged") from None
    if not isinstance(card, dict) or not isinstance(card.get("fingerprint"), str):
        raise InputError(f"model: {path} names no fingerprint; the model folder is damaged")
    for key in ("task", "source_lang", "target_lang"):
        if not isinstance(card.get(key), str | None):
            raise InputError(f"model: {path}: {key} is no text; the model folder is damaged")
    return card


def load_exported_model(model_dir: str) -> TranslationModel:
    """The model of a model folder. Imports TensorFlow."""
    import tensorflow as tf

    from electra_model import threads
    from electra_model.export import load_model

    threads.one_core_each()
    # On a GPU, products would be rounded to ten bits, and some outputs be others than on a CPU.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return load_model(local_model(model_dir))


def local_model(model_dir: str) -> str:
    """The folder, or its copy on this machine where it is in an object store."""
    if not files.is_remote(model_dir):
        return model_dir
    return model_folder.copied(model_dir, read_model_card(model_dir)["fingerprint"])


class TranslationHandler(ModelHandler[UnitText, UnitTranslation, TranslationModel]):
    """`UnitText` -> `UnitTranslation`: one output per input, each translated as if it were alone.

    Args:
      model_dir: the model folder, readable by every worker.
      fingerprint: of the model that the run was planned with.
      decoding: beam size and so on.
      batch_segments: units are put together until they have about so many sentences.
      load: model folder -> model; importable in every worker.
      task: of the model; it says whether segments are sentences or whole texts. language: of the
        texts, where they are whole.
      memory: what was translated before, if it is used.
      guard: what checks outcomes and has segments translated once more (`second_tries.guarded`,
        all but its checker); importable in every worker. None takes them as they are.
      tell: what tells more of translations (`details.told`, all but what is wanted), if anything.
      judge: what judges translations (`replaced_tokens.judged`, all but its bound), if anything.
    """

    def __init__(
        self,
        model_dir: str,
        fingerprint: str,
        decoding: Decoding,
        batch_segments: int,
        load: Callable[[str], TranslationModel] = load_exported_model,
        task: str | None = None,
        language: str = "",
        memory: MemoryPlace | None = None,
        guard: Guard | None = None,
        tell: Tell | None = None,
        judge: Judge | None = None,
    ) -> None:
        super().__init__()
        self._model_dir = model_dir
        self._fingerprint = fingerprint
        self._decoding = decoding
        self._batch_segments = batch_segments
        self._load = load
        self._task = tasks.of(task)
        self._language = language
        self._memory = memory
        self._guard = guard
        self._tell = tell
        self._judge = judge

    def load_model(self) -> TranslationModel:
        """Called once in each process. Raises `WorkError` when it is not the planned model."""
        model = self._load(self._model_dir)
        if model.fingerprint != self._fingerprint:
            raise WorkError(
                f"{self._model_dir}: holds another model than when the run began; run again"
            )
        return model

    def run_inference(
        self,
        batch: Sequence[UnitText],
        model: TranslationModel,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[UnitTranslation]:
        """Translates the sentences of all units of the batch together."""
        segments = [segment for unit in batch for segment in unit.segments]
        cut: list[bool] = []
        if self._task.whole_texts:
            segments, cut = whole_texts.fit_all(
                segments,
                self._language,
                model.count_tokens,
                model.source_max_length,
                self._task.keeps,
            )
        outcomes = self._outcomes(model, segments)
        if self._judge:
            outcomes = self._judge(model, segments, outcomes)
        details = self._tell(model, segments, outcomes, self._decoding) if self._tell else []
        results = []
        start = 0
        for unit in batch:
            stop = start + len(unit.segments)
            results.append(
                UnitTranslation(
                    tuple(outcomes[start:stop]),
                    unit.context,
                    tuple(cut[start:stop]),
                    unit.segments,
                    tuple(details[start:stop]),
                )
            )
            start = stop
        return results

    def _outcomes(self, model: TranslationModel, segments: list[str]) -> list[Outcome]:
        from .mirrors import tagged_segments  # which knows outcomes

        def once(wanted: Sequence[str], decoding: Decoding) -> list[Outcome]:
            outcomes = translate_segments(model, wanted, decoding)
            if self._task.whole_texts:
                return outcomes
            return tagged_segments.mended(wanted, outcomes)

        def checked(wanted: Sequence[str], decoding: Decoding) -> list[Outcome]:
            return (self._guard or _unguarded)(wanted, once, decoding)

        def translate(wanted: Sequence[str]) -> list[Outcome]:
            if self._task.whole_texts:  # whose outputs need not hold what their sources do
                return checked(wanted, self._decoding)
            return tagged_segments.keep_tags(
                wanted,
                lambda asked: checked(asked, self._decoding),
                lambda asked: checked(asked, self._decoding.of_parts()),
            )

        if self._memory is None:
            outcomes, remembered = translate(segments), 0
        else:
            outcomes, remembered = self._memory.opened().answer(segments, translate)
        Metrics.counter(METRICS, "remembered").inc(remembered)
        Metrics.counter(METRICS, "translated").inc(len(segments) - remembered)
        return outcomes

    def batch_elements_kwargs(self) -> dict[str, Any]:
        """A fixed batch weight: sentences, where a unit without any counts as one, and sentences
        that are remembered count little."""
        return {
            "min_batch_size": self._batch_segments,
            "max_batch_size": self._batch_segments,
            "element_size_fn": self._weight,
        }

    def get_num_bytes(self, batch: Sequence[UnitText]) -> int:
        """Of the text, for Beam's metrics."""
        return sum(len(segment.encode()) for unit in batch for segment in unit.segments)

    def get_metrics_namespace(self) -> str:
        """Where Beam's counters appear."""
        return METRICS

    def _weight(self, unit: UnitText) -> int:
        # Of whole texts the model gets to see parts, which only the model can tell.
        if self._memory is None or self._task.whole_texts:
            return max(1, len(unit.segments))
        return self._memory.opened().weight(unit.segments)


def _unguarded(wanted: Sequence[str], once: Translate, decoding: Decoding) -> list[Outcome]:
    return once(wanted, decoding)


def translate_segments(
    model: TranslationModel, segments: Sequence[str], decoding: Decoding
) -> list[Outcome]:
    """Translates sentences of any length, in order; equal sentences once.

    A sentence over the model's bound is cut (see `segmentation.cut_sentence`), its pieces are
    translated one by one and put together again; its score is the mean of theirs. Scores are
    rounded to 4 decimals, so that the last bit of a sum never shows in an output file; what is not
    a finite number becomes None.
    """
    distinct = list(dict.fromkeys(segments))
    if not distinct:
        return []
    bound = model.source_max_length
    counts = model.count_tokens(distinct)
    layouts = [
        segmentation.cut_sentence(text, model.count_tokens, bound)  # type: ignore[arg-type]
        if count > bound
        else segmentation.Layout((text,), ("", ""))
        for text, count in zip(distinct, counts, strict=True)
    ]
    pieces = list(dict.fromkeys(piece for layout in layouts for piece in layout.segments))
    answers, values = model.translate(pieces, **decoding.options())
    of_piece = {
        piece: (segmentation.one_line(answer), float(value))
        for piece, answer, value in zip(pieces, answers, values, strict=True)
    }
    of_segment = {}
    for text, layout in zip(distinct, layouts, strict=True):
        found = [of_piece[piece] for piece in layout.segments]
        joined = ""
        if all(answer for answer, _ in found):  # or a part would be lost
            joined = segmentation.join_text(layout.gaps, [answer for answer, _ in found])
        of_segment[text] = Outcome(joined, mean_score([value for _, value in found]))
    return [of_segment[segment] for segment in segments]
