"""The two trainings of a job: `pretrain` (replaced-token detection) and `train` (the
encoder-decoder).

Each reads shards, runs `TrainingLoop` over one compiled step per bucket, and ends with a receipt,
`complete.json`, under a fingerprint of everything its result depends on. One that is complete
returns at once.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

from electra_model import checkpoint, export, generator_card, shortlist
from electra_model.averaging import MovingAverage
from electra_model.electra import Electra
from electra_model.errors import InputError
from electra_model.optimizer import build_optimizer
from electra_model.pretraining import ReplacedTokenDetection
from pipelines import files

from ..jobs.job import JobConfig
from ..terminal.progress import say
from . import training_receipts, warm_start
from .devices import Copy, Devices, devices_for
from .input_data import PairData, WindowData
from .kept_weights import KeptWeights
from .pair_updates import PairUpdates
from .replaced_data import ReplacedData, has_replacements
from .replicas import Update, spread
from .training_loop import TrainingLoop, finite
from .training_steps import discriminator_step, pretraining_step, validation


def pretrain(job: JobConfig) -> dict[str, Any]:
    """Pretrains the encoder on the split `pretrain`. Raises InputError when there is no dataset or
    nothing in it."""
    folder = os.path.join(job.workdir, "pretrain")
    if job.pretrain.skipped:
        return {"skipped": True}
    facts = training_receipts.facts_of(job, job.pretrain, "pretrain")
    done = training_receipts.completed(folder, facts["complete"])
    dataset = training_receipts.dataset_of(job)
    checkpoints = os.path.join(folder, "checkpoints")
    beforehand = has_replacements(dataset)
    if done is not None and (found := checkpoint.list_checkpoints(checkpoints)):
        if not beforehand and not os.path.exists(os.path.join(folder, generator_card.NAME)):
            _describe_generator(job, folder, done, found[-1])
        return done

    devices = devices_for(job.pretrain, "pretrain")
    if devices.is_chief:
        # What is there from now on is of these settings, complete or not.
        training_receipts.take_back(folder)
        files.remove(os.path.join(folder, generator_card.NAME))
    tokenizer, _ = training_receipts.vocabularies_of(job)

    def build() -> Copy:
        model = ReplacedTokenDetection(
            job.model, job.pretrain, tokenizer.size, job.pretrain.seed, generator=not beforehand
        )
        return Copy(model, build_optimizer(job.pretrain, model.trainable_variables))

    copies = devices.copies(build)
    prepared = _on_replacements if beforehand else _on_windows
    step, windows = prepared(job, devices, copies)
    if not windows:
        raise InputError(
            f"{dataset}: has no pretraining windows; add text or set pretrain.steps to 0"
        )
    loop = TrainingLoop(
        "pretrain",
        folder,
        job.pretrain,
        copies[0].variables,
        copies[0].optimizer,
        step,
        facts["state"],
        shapes_of=lambda number: (job.dataset.window_length,),
        devices=devices,
        restored=lambda: spread(copies),
    )
    counts = loop.run()
    counts["windows"] = windows
    if devices.is_chief:
        if not beforehand:
            _describe_generator(job, folder, counts, checkpoint.list_checkpoints(checkpoints)[-1])
        training_receipts.write(folder, facts["complete"], counts)
    devices.leave()
    return counts


_Step = Callable[[int], dict[str, Any]]


def _on_windows(job: JobConfig, devices: Devices, copies: list[Copy]) -> tuple[_Step, int]:
    """An update of generator and discriminator, and the number of windows."""
    data = window_data(job)
    update = _update(pretraining_step, job, devices, copies)
    return (
        lambda number: finite(update(*data.arrays(data.plan.batch(number)), number)),
        len(data.columns),
    )


def _on_replacements(job: JobConfig, devices: Devices, copies: list[Copy]) -> tuple[_Step, int]:
    """An update of the discriminator alone, and the number of windows."""
    data = replaced_data(job)
    update = _update(discriminator_step, job, devices, copies)
    if data.windows:
        say(f"pretrain: replacements made beforehand, no generator; {data.summary()}")

    def step(number: int) -> dict[str, Any]:
        values = finite(update(*data.arrays(number), number))
        return {**values, "temperature": data.temperature(number)}

    return step, data.windows


def _update(
    make: Callable[..., Any], job: JobConfig, devices: Devices, copies: list[Copy]
) -> Update:
    length = job.dataset.window_length
    return Update(
        devices,
        devices.steps(copies, lambda copy, share: make(copy.model, copy.optimizer, length, share)),
        devices.computation_of("pretrain", job.pretrain),
    )


def _describe_generator(
    job: JobConfig, folder: str, counts: dict[str, Any], path: pathlib.Path
) -> None:
    """Writes `generator.json`, by which other jobs make replacements (see `generator_card`)."""
    tokenizer, _ = training_receipts.vocabularies_of(job)
    card = generator_card.GeneratorCard(
        model=job.model.resolved(),
        fraction=job.pretrain.generator_fraction,
        vocabulary_fingerprint=tokenizer.fingerprint(),
        vocabulary_size=tokenizer.size,
        checkpoint=f"{path.parent.name}/{path.name}",
        sha256=files.sha256(str(path)),
        step=counts["steps"],
    )
    text = json.dumps(card.to_json(), indent=2) + "\n"
    files.write_atomic(os.path.join(folder, generator_card.NAME), text.encode())


def train(job: JobConfig) -> dict[str, Any]:
    """Trains the encoder-decoder and writes the model folder.

    Raises InputError when there is no dataset or no pair in it.
    """
    folder = os.path.join(job.workdir, "train")
    if job.train.skipped:
        return {"skipped": True}
    pretrained = warm_start.find(job)
    before = pretrained["fingerprint"] if pretrained else None
    facts = training_receipts.facts_of(job, job.train, "train", before)
    done = training_receipts.completed(folder, facts["complete"])
    if done is not None and export.missing_file(os.path.join(job.workdir, "model")) is None:
        return done

    devices = devices_for(job.train, "train")
    if devices.is_chief:
        training_receipts.take_back(folder)
    dataset = training_receipts.dataset_of(job)
    tokenizer, target_tokenizer = training_receipts.vocabularies_of(job)
    config = job.train
    data = pair_data(job)
    if not data.plan.batches_per_epoch:
        raise InputError(
            f"{dataset}: has no training pairs that fit into train.buckets {config.buckets}"
        )
    if data.plan.left_out:
        say(
            f"train: {data.plan.left_out} pairs are longer than the last of train.buckets "
            "and take no part"
        )
    network, reports = warm_start.network_of(job) if pretrained else None, []

    def build() -> Copy:
        model = Electra.from_config_and_vocabulary(
            job.model,
            tokenizer.size,
            seed=config.seed,
            target_vocabulary_size=target_tokenizer.size if target_tokenizer else None,
        )
        weights = model.trainable_variables
        if network is not None:
            reports.append(warm_start.start(weights, network, config.warm_start_layers))
        average = MovingAverage(weights, config.ema) if config.ema else None
        return Copy(model, build_optimizer(config, weights), average)

    copies = devices.copies(build)
    model = copies[0].model
    if reports:
        warm_start.tell(reports[0], folder, devices.is_chief)
    elif config.freeze_encoder_updates or config.freeze_encoder_share:
        say("train: the encoder that train.freeze_encoder_* leaves as it is was not pretrained")
    valid = PairData(dataset, "valid", config.buckets, config.batch_tokens, seed=0)
    validate = None
    if valid.plan.batches_per_epoch:
        # In the precision of the exported model.
        validate = validation(valid, model, devices.computation("float32"))
    elif config.exports_best:
        raise InputError(
            "train.patience: the best model is told by the validation split, and the dataset has "
            "none; name data.valid, or leave out train.patience and train.export_best"
        )
    kept = None
    if KeptWeights.wanted(config):
        kept = KeptWeights(config, model.trainable_variables, copies[0].average)
    updates = PairUpdates(config, devices, copies, data, lambda: loop.progress)
    loop = TrainingLoop(
        "train",
        folder,
        config,
        copies[0].variables,
        copies[0].optimizer,
        updates,
        facts["state"],
        shapes_of=updates.shapes,
        validate=validate,
        validate_every_minutes=config.validate_every_minutes,
        validate_every_steps=config.validate_every_steps,
        kept=kept,
        devices=devices,
        restored=lambda: spread(copies),
    )
    counts = loop.run()
    if not devices.is_chief:
        devices.leave()
        return counts
    if kept is not None:
        kept.export()
    counts["pairs"] = data.pairs
    batches = counts["steps"] * config.accumulate
    counts["epochs"] = round(batches / data.plan.batches_per_epoch, 2)
    metadata = export.save_model(
        os.path.join(job.workdir, "model"),
        model,
        tokenizer,
        job.model,
        task=job.task,
        source_lang=job.source_lang,
        target_lang=job.target_lang,
        training={**counts, "dataset": facts["dataset"], "warm_start": bool(pretrained)},
        beam_size=job.translate.beam_size,
        length_penalty=job.translate.length_penalty,
        target_tokenizer=target_tokenizer,
        shortlist=shortlist.load(job.path("vocabulary", shortlist.FILE)),
        discriminator=None
        if target_tokenizer
        else warm_start.discriminator_of(job, tokenizer, network),
    )
    counts["parameters"] = metadata["parameters"]
    training_receipts.write(folder, facts["complete"], counts)
    devices.leave()
    return counts


# --- the data of the trainings ---


def pair_data(job: JobConfig) -> PairData:
    """The training pairs. Raises InputError like `read_split`."""
    config = job.train
    return PairData(
        training_receipts.dataset_of(job), "train", config.buckets, config.batch_tokens, config.seed
    )


def window_data(job: JobConfig) -> WindowData:
    """The windows of the pretraining. Raises InputError like `read_split`."""
    config, length = job.pretrain, job.dataset.window_length
    return WindowData(
        training_receipts.dataset_of(job), "pretrain", length, config.batch_tokens, config.seed
    )


def replaced_data(job: JobConfig) -> ReplacedData:
    """The windows with replacements made beforehand. Raises InputError like `read_split`."""
    config, length = job.pretrain, job.dataset.window_length
    return ReplacedData(
        training_receipts.dataset_of(job), length, config.batch_tokens, config.updates, config.seed
    )
