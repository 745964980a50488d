"""How good is the model: its outputs for the held-out pairs, scored, beside what costs nothing.

    dataset/test.jsonl + model/  ->  evaluation/test.hyp.txt, attention.json and, last, scores.json

The sources are worked on in pieces that are committed one by one, so that a kill loses little.
Scores that were made for the same model, the same pairs and the same decoding are never made again.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from electra_model.errors import InputError, WorkError
from pipelines import files, tasks, units
from pipelines.texts import whole_texts
from pipelines.translation import translation_engine

from ..jobs.job import JobConfig
from .scores import SCORING, compared_with_copying, perplexities, sentence_chrf

SCORES_VERSION = 2  # raised when the meaning or the shape of scores.json changes
PIECE_SENTENCES = 512  # translated and committed as one piece
DRAWN_TOKENS = 48  # of the source whose attention is drawn, where sources are whole texts


class Translator(Protocol):
    """What evaluation asks of a model: the face of `electra_model.export.LoadedModel`."""

    @property
    def fingerprint(self) -> str:
        """Of the weights and the tokenizer."""
        ...

    @property
    def source_max_length(self) -> int:
        """Tokens of the longest source, end mark included."""
        ...

    def count_tokens(self, texts: list[str]) -> np.ndarray:
        """Tokens of each text, end mark included."""
        ...

    def translate(
        self, texts: list[str], *, beam_size: int, length_penalty: float, max_length: int | None
    ) -> tuple[list[str], np.ndarray]:
        """One translation and one score per text, in order."""
        ...

    def log_likelihoods(
        self, sources: list[str], targets: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The log-probability of each target given its source, and its tokens."""
        ...

    def attention(self, source: str, *, beam_size: int, length_penalty: float) -> dict[str, Any]:
        """Pieces of both sides, the attention scores of every layer and head, and the flow."""
        ...


Report = Callable[[int, int], None]  # takes the sentences done and the sentences in all


def evaluate(job: JobConfig, *, progress: Report | None = None) -> dict[str, Any]:
    """Scores the job's model on its test split, or on its validation split if it has no test data.

    Args:
      job: a `JobConfig`; its `task`, `workdir`, `target_lang` and `translate` are used.
      progress: is told the sentences done and the sentences in all, piece by piece.

    Returns the content of `evaluation/scores.json`. Raises `InputError` where the dataset or the
    model is not there.
    """
    # Scores are of what is searched, also where documents get what is drawn.
    searched = dataclasses.replace(translation_engine.decoding_of(job.translate), sampling=None)
    decoding = searched.options()
    scores = evaluate_folder(
        job.workdir,
        job.target_lang,
        decoding,
        task=job.task,
        load=_load_model,
        progress=progress,
    )
    # The documents' scores come after and are kept in the same file, but are not this stage's.
    return {key: value for key, value in scores.items() if key != "documents"}


def _load_model(model_folder: str) -> Translator:
    # Here, because it needs TensorFlow, which an evaluation that is skipped does not.
    from electra_model import threads
    from electra_model.export import load_model

    threads.side_by_side(threads.processors())
    return load_model(model_folder)


def evaluate_folder(
    workdir: str,
    target_lang: str,
    decoding: dict[str, Any],
    *,
    load: Callable[[str], Translator],
    task: str = "translate",
    progress: Report | None = None,
) -> dict[str, Any]:
    """`evaluate` with all it depends on named; `load` makes a `Translator` of a model folder."""
    split, pairs_path = _held_out(workdir)
    model_folder = files.join(workdir, "model")
    description = _model_description(model_folder)
    translation_engine.check_shortlist(decoding.get("shortlist", False), description, model_folder)
    folder = files.join(workdir, "evaluation")
    made_under = {
        "scores_version": SCORES_VERSION,
        "model_fingerprint": description["fingerprint"],
        "pairs_sha256": files.sha256(pairs_path),
        "decoding": decoding,
        "target_lang": target_lang,
        **({"task": task} if task != "translate" else {}),
    }
    scores_path = files.join(folder, "scores.json")
    finished = files.read_json(scores_path)
    if _still_valid(finished, made_under, folder):
        return finished

    sources, references = read_pairs(pairs_path)
    if not sources:
        raise InputError(
            f"{pairs_path}: no pair to score; give data.test or data.valid and prepare again"
        )
    model = load(model_folder)
    if model.fingerprint != made_under["model_fingerprint"]:
        raise WorkError(
            f"{model_folder}: model.json says fingerprint {made_under['model_fingerprint']}, "
            f"the model itself {model.fingerprint}; train or export it again"
        )
    counts = model.count_tokens(sources)
    read = sources
    if tasks.of(task).whole_texts:  # as `electra translate` does it
        read, _ = whole_texts.fit_all(
            sources,
            target_lang,
            model.count_tokens,
            model.source_max_length,
            tasks.of(task).keeps,
        )
    hypotheses, seconds = _translate(model, read, decoding, folder, made_under, progress)

    attention_path = files.join(folder, "attention.json")
    drawn = _drawn(model, read, hypotheses, references, decoding, target_lang, tasks.of(task))
    files.write_atomic(attention_path, _attention(model, drawn, decoding))
    compared = compared_with_copying(sources, hypotheses, references, target_lang, task)
    if SCORING[task].perplexity:
        likelihoods, tokens = model.log_likelihoods(read, references)
        compared["model"] |= perplexities(likelihoods.tolist(), tokens.tolist(), references)
    hypotheses_path = files.join(folder, "test.hyp.txt")
    text = "".join(line + "\n" for line in hypotheses)
    result = {
        **made_under,
        "test": {
            "split": split,
            "sentences": len(sources),
            # Sources that the model sees only the beginning of.
            "empty": sum(not hypothesis for hypothesis in hypotheses),
            "too_long": int(np.sum(counts > model.source_max_length)),
            **compared,
            "seconds": round(seconds, 2),
            "hypotheses_sha256": files.write_atomic(hypotheses_path, text.encode()),
        },
    }
    files.write_atomic(scores_path, to_json(result))
    files.remove_tree(files.join(folder, "pieces"))
    return result


def to_json(value: Any) -> bytes:
    """Indented JSON for people and programs."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def read_pairs(path: str) -> tuple[list[str], list[str]]:
    """Sources and targets of a JSONL file. Raises `InputError` naming the line."""
    sources, targets = [], []
    for number, line in enumerate(files.read_bytes(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            source, target = row["source"], row["target"]
        except (ValueError, TypeError, KeyError):
            source = target = None
        if not isinstance(source, str) or not isinstance(target, str):
            raise InputError(
                f'{path}, line {number}: expected {{"source": text, "target": text}}, '
                f"found {line[:80]!r}; prepare the dataset again"
            )
        sources.append(source)
        targets.append(target)
    return sources, targets


def one_line(text: str) -> str:
    """The text without line ends, so that files of translations stay line-aligned."""
    return re.sub(r"\s*[\r\n]+\s*", " ", text).strip()


def check(workdir: str) -> None:
    """Raises `InputError` where there are no held-out pairs, or no model."""
    _held_out(workdir)
    _model_description(files.join(workdir, "model"))


def _held_out(workdir: str) -> tuple[str, str]:
    for split in ("test", "valid"):
        path = files.join(workdir, "dataset", f"{split}.jsonl")
        if files.exists(path) and files.size(path):
            return split, path
    dataset = files.join(workdir, "dataset")
    if not files.exists(files.join(dataset, "dataset_info.json")):
        raise InputError(f"{dataset}: there is no complete dataset; run `electra prepare` first")
    raise InputError(
        f"{files.join(workdir, 'dataset', 'test.jsonl')}: no held-out pairs to evaluate on; "
        f"name data.test (or data.valid) in the job file and run `electra prepare`"
    )


def _model_description(model_folder: str) -> dict[str, Any]:
    path = files.join(model_folder, "model.json")
    if not files.exists(path):
        raise InputError(f"{path}: there is no model to evaluate; run `electra train` first")
    description = files.read_json(path)
    if not isinstance(description.get("fingerprint"), str):
        raise InputError(
            f"{path}: no key 'fingerprint', so this is not a model folder; run `electra train`"
        )
    return description


def _still_valid(scores: dict[str, Any], made_under: dict[str, Any], folder: str) -> bool:
    if any(scores.get(key) != value for key, value in made_under.items()):
        return False
    try:
        found = files.sha256(files.join(folder, "test.hyp.txt"))
        return files.exists(files.join(folder, "attention.json")) and (
            found == scores["test"]["hypotheses_sha256"]
        )
    except (OSError, KeyError, TypeError):
        return False


def _translate(
    model: Translator,
    sources: Sequence[str],
    decoding: dict[str, Any],
    folder: str,
    made_under: dict[str, Any],
    progress: Report | None,
) -> tuple[list[str], float]:
    """The translations of all sources, piece by committed piece, and the seconds they cost."""
    pieces, mark = files.join(folder, "pieces"), units.fingerprint(made_under)
    hypotheses: list[str] = []
    seconds = 0.0
    for index, start in enumerate(range(0, len(sources), PIECE_SENTENCES)):
        part = list(sources[start : start + PIECE_SENTENCES])
        unit_id = f"{index:05d}"
        if progress:
            progress(start, len(sources))
        receipt = units.committed(pieces, unit_id, mark)
        if receipt is None:
            begun = time.monotonic()
            lines = [one_line(text) for text in model.translate(part, **decoding)[0]]
            if len(lines) != len(part):
                raise WorkError(
                    f"the model gave {len(lines)} translations for {len(part)} sentences"
                )
            facts = {"seconds": time.monotonic() - begun}
            receipt = units.commit(
                pieces, unit_id, mark, {"json": json.dumps(lines).encode()}, facts
            )
        hypotheses += json.loads(units.read_part(pieces, receipt, "json"))
        seconds += receipt.facts["seconds"]
    if progress:
        progress(len(sources), len(sources))
    return hypotheses, seconds


def _drawn(
    model: Translator,
    sources: list[str],
    hypotheses: list[str],
    references: list[str],
    decoding: dict[str, Any],
    language: str,
    task: tasks.JobTask,
) -> dict[str, Any]:
    """One real source that is short enough to be drawn, with its output and reference.

    Of a text that is too long a part is taken, as for a model that takes no more, and its output is
    that of the part.
    """
    chosen = _readable_sentence(model.count_tokens(sources), hypotheses, references)
    source, output = sources[chosen], hypotheses[chosen]
    if task.whole_texts:
        source = whole_texts.fit(source, language, model.count_tokens, DRAWN_TOKENS, task.keeps)
        if source != sources[chosen]:
            output = one_line(model.translate([source], **decoding)[0][0])
    return {
        "index": chosen,
        "source": source,
        "translation": output,
        "reference": references[chosen],
    }


def _attention(model: Translator, drawn: dict[str, Any], decoding: dict[str, Any]) -> bytes:
    """JSON of what is drawn, of its attention and flow."""
    found = model.attention(
        drawn["source"],
        beam_size=decoding["beam_size"],
        length_penalty=decoding["length_penalty"],
    )
    flow = found["flow"]
    return _compact_json(
        {
            **drawn,
            "source_pieces": [str(piece) for piece in found["source_pieces"]],
            "target_pieces": [str(piece) for piece in found["target_pieces"]],
            "cross": _rounded(found["cross"]),
            "encoder": _rounded(found["encoder"]),
            "flow": {
                "encoder": _rounded(flow.encoder),
                "from_source": _rounded(flow.from_source),
                "from_target": _rounded(flow.from_target),
                "current": [_rounded(layer.shares()) for layer in flow.cross_layers],
            },
        }
    )


def _rounded(array: Any) -> list[Any]:
    return np.round(np.asarray(array, np.float64), 4).tolist()


def _compact_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _readable_sentence(tokens: np.ndarray, hypotheses: list[str], references: list[str]) -> int:
    """Index of the best translated of 1,000 sentences with 8 to 18 tokens, or of one near 12."""
    fitting = np.flatnonzero((tokens >= 8) & (tokens <= 18))[:1000]
    if not len(fitting):
        return int(np.argmin(np.abs(tokens - 12)))
    quality = [sentence_chrf(hypotheses[int(i)], references[int(i)]) for i in fitting]
    return int(fitting[np.argmax(quality)])
