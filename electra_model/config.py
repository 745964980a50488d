"""Sizes and settings of the network and of its two trainings: frozen, validated, with presets.

Defaults live here and nowhere else. A field that is `None` in `ModelConfig` takes its value from
the preset, so that a job file names only what differs from it.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic import Field

from electra_model.presets import PRESETS

# Unknown keys are errors; text such as "5e-4" (which YAML reads as a string) becomes a number.
# Every number of a config has a least and a greatest value: a slip of the finger is an error of the
# job file, and not of the memory hours later. A test goes through all fields.
STRICT = pydantic.ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)

# Names of checkpoints have nine digits.
MOST_STEPS = 999_999_999
# Nearly two years.
MOST_MINUTES = 1_000_000
# Tokens of the longest sequence.
MOST_TOKENS = 4096
Length = Annotated[int, Field(ge=2, le=MOST_TOKENS)]


def identity(config: Any) -> dict[str, Any]:
    """Name -> value of the settings that what is made with a config is known by.

    Those of its `came_later` are left out where they have their default: what was made before they
    existed was made with it.
    """
    usual = type(config)()
    return {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in config.came_later or value != getattr(usual, name)
    }


def bound_or_off(value: Any, least: float, most: float) -> Any:
    """`value` of a setting that takes a number from `least` to `most`, or off (False); None stays.

    For validators that come before pydantic's own. Raises ValueError in words for a user.
    """
    # `False == 0` and `True == 1`: without this 0 would mean off, and `on` would be a bound.
    if value is False or value is None:
        return value
    if value is True:
        raise ValueError("takes a bound, or off: got on")
    number = _number(value)
    if number is not None and number < least:
        raise ValueError(f"must be at least {least}, or off: got {value}")
    if number is not None and number > most:
        raise ValueError(f"must be at most {most}, or off: got {value}")
    # As a whole number 0 would still be taken for off.
    return float(value) if least == 0 and isinstance(value, int) else value


def _number(value: Any) -> float | None:
    """The number that a value is, or that pydantic will make of a text."""
    try:
        return value if isinstance(value, int | float) else float(value)
    except (TypeError, ValueError):
        return None


_SIZES = ("num_layers", "num_decoder_layers", "d_model", "num_heads", "dff")
_LATER = ("embedding_dim", "scale_embeddings", "embedding_norm", "final_norm", "norm_epsilon")


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class ModelConfig:
    """Sizes of the encoder-decoder. `resolved()` fills what is `None` from the preset.

    Attributes:
      preset: one of `PRESETS`.
      num_layers: encoder layers. num_decoder_layers: decoder layers.
      d_model: width of every representation; a multiple of `num_heads`.
      dff: inner width of the feed-forward blocks.
      dropout: share of activations dropped while training, in [0, 1).
      activation: of the feed-forward blocks: "relu", "gelu", "swish", or "swiglu", which has three
        matrices of `dff` instead of two (Shazeer 2020).
      norm: "pre" normalises the input of each block (Xiong et al. 2020), "post" its output.
      position_encoding: "rotary" (Su et al. 2021): nothing is added to the embeddings, and queries
        and keys are turned by their positions, so that a head finds a neighbour by how far away it
        is; it learns earlier than with "sinusoidal" or "learned" positions, which are added.
      max_length: longest sequence, in tokens, that the model is ever shown.
      tie_embeddings: one embedding table for source, target and output. Where each side has a
        vocabulary of its own (`vocabulary.sides`), the source has a table, and target and output
        share another.
      embedding_dim: width of the embedding tables, at most `d_model`; narrower ones are projected
        to it (Lan et al. 2020, section 3.1; Clark et al. 2020, section 3.2). Without it: that of
        the preset, or as wide as `d_model`.
      scale_embeddings: embeddings times the root of their width (Vaswani et al. 2017, section 3.4).
      embedding_norm: embeddings and positions are added at the width of the embeddings, and
        normalised before they are projected (Devlin et al. 2019).
      final_norm: what the last block of each side gives is normalised once more. norm "pre" needs
        it; published networks with norm "post" do without.
      norm_epsilon: added to the variance by every normalisation.

    The published ELECTRA has a preset for its size and, beside it, activation "gelu", norm "post",
    position_encoding "learned", scale_embeddings false, embedding_norm true, final_norm false and
    norm_epsilon 1e-12.
    """

    preset: Literal[
        "tiny", "small", "base", "large", "electra-small", "electra-base", "electra-large"
    ] = "tiny"
    num_layers: int | None = Field(default=None, ge=1, le=96)
    num_decoder_layers: int | None = Field(default=None, ge=1, le=96)
    d_model: int | None = Field(default=None, ge=2, le=16_384)
    num_heads: int | None = Field(default=None, ge=1, le=1024)
    dff: int | None = Field(default=None, ge=1, le=131_072)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    activation: Literal["relu", "gelu", "swish", "swiglu"] = "relu"
    norm: Literal["pre", "post"] = "pre"
    position_encoding: Literal["sinusoidal", "learned", "rotary"] = "rotary"
    max_length: int = Field(default=128, ge=8, le=MOST_TOKENS)
    tie_embeddings: bool = True
    embedding_dim: int | None = Field(default=None, ge=1, le=16_384)
    scale_embeddings: bool = True
    embedding_norm: bool = False
    final_norm: bool = True
    norm_epsilon: float = Field(default=1e-6, gt=0, lt=1)

    @pydantic.model_validator(mode="after")
    def _check(self) -> ModelConfig:
        sizes = self.sizes()
        if sizes["d_model"] % sizes["num_heads"]:
            raise ValueError(
                f"d_model must be a multiple of num_heads: {sizes['d_model']} is not a multiple of "
                f"{sizes['num_heads']}"
            )
        if sizes["d_model"] % 2:
            raise ValueError(f"d_model must be even: got {sizes['d_model']}")
        head_dim = sizes["d_model"] // sizes["num_heads"]
        if self.position_encoding == "rotary" and head_dim % 2:
            raise ValueError(
                "position_encoding rotary needs heads of even width: d_model "
                f"{sizes['d_model']} over num_heads {sizes['num_heads']} is {head_dim}; choose "
                "other sizes or other positions"
            )
        if self.embedding_width > sizes["d_model"]:
            raise ValueError(
                f"embedding_dim must be at most d_model: {self.embedding_width} is more than "
                f"{sizes['d_model']}"
            )
        sinusoidal = self.position_encoding == "sinusoidal"
        if self.embedding_norm and sinusoidal and self.embedding_width % 2:
            raise ValueError(
                "with embedding_norm, sinusoidal positions have the width of the embeddings: "
                f"embedding_dim must be even: got {self.embedding_width}"
            )
        if self.norm == "pre" and not self.final_norm:
            raise ValueError(
                "norm pre leaves the sum over all blocks without a normalisation: final_norm must "
                "be true; or set norm to post"
            )
        return self

    def sizes(self) -> dict[str, int]:
        """The five sizes, each from its field or else from the preset."""
        preset = PRESETS[self.preset]
        return {
            name: value if (value := getattr(self, name)) is not None else preset[name]
            for name in _SIZES
        }

    @property
    def embedding_width(self) -> int:
        """Width of the embedding tables."""
        preset = PRESETS[self.preset]
        return self.embedding_dim or preset.get("embedding_dim") or self.sizes()["d_model"]

    def resolved(self) -> ModelConfig:
        """The same config with every size from the preset filled in.

        `embedding_dim` stays `None` where the embeddings are as wide as `d_model`, whatever that
        is.
        """
        narrow = self.embedding_dim or PRESETS[self.preset].get("embedding_dim")
        return dataclasses.replace(self, **self.sizes(), embedding_dim=narrow)

    def settings(self) -> dict[str, Any]:
        """Name -> value, for what is kept of a model and compared with later.

        Settings that came after the first model folders are left out where they change nothing, so
        that what was made before them is still what its job file describes.
        """
        values, usual = dataclasses.asdict(self), ModelConfig()
        for name in _LATER:
            if values[name] == getattr(usual, name):
                del values[name]
        return values


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class OptimizerConfig:
    """AdamW with a warm-up and a decay (see `schedules`).

    Attributes:
      learning_rate: the peak rate. warmup_steps: updates of linear rise to it.
      schedule: "cosine" and "linear" end at zero when the training ends; "inverse_sqrt" does not.
      clip_norm: bound on the global gradient norm; 0 switches it off.
    """

    learning_rate: float = Field(default=2e-3, gt=0, le=10)
    warmup_steps: int = Field(default=200, ge=0, le=MOST_STEPS)
    schedule: Literal["cosine", "linear", "inverse_sqrt"] = "cosine"
    weight_decay: float = Field(default=0.01, ge=0, le=10)
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    beta_2: float = Field(default=0.98, ge=0, lt=1)
    epsilon: float = Field(default=1e-9, gt=0, le=1)
    clip_norm: float = Field(default=1.0, ge=0, le=1_000_000)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class LoopConfig(OptimizerConfig):
    """What both trainings share.

    Attributes:
      steps: updates to make; 0 skips the stage. Without it and without `minutes`: `default_steps`.
      minutes: instead of `steps`, time to train for; the schedule then follows the clock. Time
        spent before an interruption counts.
      batch_tokens: tokens of the longer side, padding included, in one batch.
      checkpoint_minutes: at most this much work is lost by a kill.
      keep_checkpoints: how many of the newest are kept.
      strategy: "none" computes on one device, "mirrored" on all devices of this machine,
        "multi_worker" on those of several machines, which `TF_CONFIG` names. The batches and the
        noise are the same, and an update differs by the rounding of sums alone.
      bad_updates: after so many updates in a row without a finite loss or gradient, all of them
        left out, training goes back to the last good checkpoint.
      precision: of the matrix products: "float32"; "bfloat16", with weights, sums and everything
        between products in float32; "auto": bfloat16 where the device has units for it.
    """

    default_steps: ClassVar[int] = 10_000
    came_later: ClassVar[tuple[str, ...]] = ("bad_updates", "strategy", "precision")
    steps: int | None = Field(default=None, ge=0, le=MOST_STEPS)
    minutes: float | None = Field(default=None, ge=0, le=MOST_MINUTES)
    batch_tokens: int = Field(default=2048, ge=64, le=1 << 24)
    seed: int = Field(default=1, ge=0, lt=1 << 31)
    checkpoint_minutes: float = Field(default=1.0, gt=0, le=MOST_MINUTES)
    keep_checkpoints: int = Field(default=3, ge=1, le=10_000)
    log_every_steps: int = Field(default=20, ge=1, le=MOST_STEPS)
    bad_updates: int = Field(default=5, ge=1, le=1000)
    strategy: Literal["none", "mirrored", "multi_worker"] = "none"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    @pydantic.model_validator(mode="after")
    def _check_length(self) -> LoopConfig:
        if self.steps is not None and self.minutes is not None:
            raise ValueError("give either steps or minutes, not both")
        return self

    @property
    def updates(self) -> int | None:
        """Updates to make; None when the clock decides."""
        if self.minutes is not None:
            return None
        return self.steps if self.steps is not None else self.default_steps

    @property
    def skipped(self) -> bool:
        """True when the job file asks for no training at all."""
        return self.steps == 0 or self.minutes == 0

    def identity(self) -> dict[str, Any]:
        """Name -> value of the settings that a training, and its checkpoints, are known by."""
        return identity(self)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class PretrainConfig(LoopConfig):
    """Replaced-token detection (Clark et al. 2020, sections 2 and 3; constants from table 6).

    Where the dataset has replacements made beforehand (`dataset.replacements`) there is no
    generator: `mask_fraction`, `generator_fraction` and `temperature` have no effect.

    Attributes:
      mask_fraction: share of tokens hidden from the generator.
      generator_fraction: width of the generator relative to the discriminator. In a job file the
        defaults of this and of `mask_fraction` are those of a published size, where
        `model.preset` names one (`PRETRAINING_OF_PRESETS`).
      discriminator_weight: weight of the discriminator's loss, lambda in section 2.
      temperature: of the generator's sampling.
    """

    default_steps: ClassVar[int] = 2_000
    mask_fraction: float = Field(default=0.15, gt=0, lt=1)
    generator_fraction: float = Field(default=0.25, gt=0, le=1)
    discriminator_weight: float = Field(default=50.0, gt=0, le=1_000_000)
    temperature: float = Field(default=1.0, gt=0, le=100)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainConfig(LoopConfig):
    """Training of the encoder-decoder.

    Attributes:
      label_smoothing: share of the target's probability spread over the vocabulary.
      warm_start: start the encoder from the pretrained discriminator where there is one.
      warm_start_layers: so many of its blocks, from the first on, and the embeddings; 0 takes the
        embeddings alone, and without it all is taken over. The upper blocks of a discriminator that
        has learned little tell less of the tokens than new ones do.
      buckets: the sequence lengths that the model is compiled for; a pair goes into the first
        that holds both of its sides. The last one bounds the length of training pairs. Packed
        pairs (`dataset.pack_pairs`) have one shape, that of `dataset.max_tokens`.
      validate_every_minutes: time between two evaluations on the validation split.
      validate_every_steps: instead of that, updates between two of them; then which weights are
        best, and when a training without progress ends, does not depend on the clock.
      accumulate: batches that make one update, weighted by their target tokens: the update is that
        of all their pairs in one batch.
      ema: decay of the moving average of the weights (see `averaging`), or off.
      average: how many snapshots of the weights, the newest, are averaged (Vaswani et al. 2017,
        section 6.1), or off. average_every_steps: updates between two of them. With `ema` or
        `average`, the average is what is validated and exported.
      freeze_encoder_updates: so many updates at the beginning leave the encoder as it is; then all
        weights are trained. freeze_encoder_share: the same as a share of the whole training.
      patience: training ends after so many evaluations in a row without a lower validation loss,
        and the model of the lowest is exported; or off.
      export_best: export the model of the lowest validation loss, without an early end.
    """

    came_later: ClassVar[tuple[str, ...]] = (
        *LoopConfig.came_later,
        *("validate_every_steps", "accumulate", "ema", "average", "average_every_steps"),
        *("freeze_encoder_updates", "freeze_encoder_share", "patience", "export_best"),
        "warm_start_layers",
    )

    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    warm_start: bool = True
    warm_start_layers: int | None = Field(default=None, ge=0, le=96)
    buckets: tuple[Length, ...] = (8, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128)
    validate_every_minutes: float = Field(default=2.0, gt=0, le=MOST_MINUTES)
    validate_every_steps: int | None = Field(default=None, ge=1, le=MOST_STEPS)
    accumulate: int = Field(default=1, ge=1, le=1024)
    ema: float | Literal[False] = False
    average: int | Literal[False] = False
    average_every_steps: int = Field(default=100, ge=1, le=MOST_STEPS)
    freeze_encoder_updates: int = Field(default=0, ge=0, le=MOST_STEPS)
    freeze_encoder_share: float = Field(default=0.0, ge=0, lt=1)
    patience: int | Literal[False] = False
    export_best: bool = False

    @pydantic.field_validator("ema", "average", "patience", mode="before")
    @classmethod
    def _check_bound(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        bounds = {"ema": (0.5, 0.99999), "average": (2, 20), "patience": (1, 10_000)}
        return bound_or_off(value, *bounds[info.field_name or ""])

    @pydantic.model_validator(mode="after")
    def _check_together(self) -> TrainConfig:
        if self.ema and self.average:
            raise ValueError("give either ema or average, not both")
        if self.freeze_encoder_updates and self.freeze_encoder_share:
            raise ValueError("give either freeze_encoder_updates or freeze_encoder_share, not both")
        return self

    @pydantic.model_validator(mode="after")
    def _check_buckets(self) -> TrainConfig:
        if not self.buckets or list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"buckets must be rising lengths of at least 2: got {self.buckets}")
        return self

    @property
    def exports_best(self) -> bool:
        """Whether the exported model is the best on the validation split, not the last."""
        return self.export_best or bool(self.patience)

    def encoder_is_frozen(self, step: int, progress: float) -> bool:
        """Whether update number `step` (from 0), at `progress` in [0, 1], leaves the encoder."""
        return step < self.freeze_encoder_updates or progress < self.freeze_encoder_share
