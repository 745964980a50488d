"""The search for outputs, sentence by sentence in a fixed number of slots.

A slot holds one sentence until its output is decided; then the next sentence takes it, whatever the
others are at, so that no step is spent on what has ended. Each slot is at a position of its own and
has keys and values of its own, all slots with room for the longest sentence among them. What a
sentence becomes is a function of the sentence alone: every sum runs over its own row, in the same
order in any slot beside any neighbours, whatever the room behind it.

How one sentence is searched is written in `greedy`, `beam` and `sampling`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from electra_model import constraints, masks
from electra_model.beam import Beam
from electra_model.constraints import Given
from electra_model.decoding import Decoding
from electra_model.fusion import (
    ROWS_TOGETHER,
    Computation,
    computing,
    in_whole_rows,
    with_transposed,
)
from electra_model.greedy import Greedy
from electra_model.layers import empty
from electra_model.sampling import Sampled
from electra_model.shortlist_logits import ShortlistLogits
from electra_model.tokenizer import BOS_ID, MASK_ID, PAD_ID, UNK_ID

# Hypotheses that are searched at once. More of them make larger matrix products, until keys and
# values no longer fit into the processor's cache.
ROWS = 96
# The start token, the unknown token and their like are never output.
_NEVER = (PAD_ID, UNK_ID, BOS_ID, MASK_ID)
# Room is made or taken away in such steps, so that it seldom is.
_ROOM = 8
# Sources have so many places at least, and in such steps: over fewer, or over an odd number of
# them, sums are added up in another order.
_FEWEST_PLACES = 12
_PLACES = 4
# What the state has that is not of each slot. Of the cache it has several rows of each.
_NOT_OF_SLOTS = ("next", "token_ids", "scores", "cache", *ShortlistLogits.OF_ALL_SLOTS)


@dataclasses.dataclass(frozen=True)
class Hypotheses:
    """The outputs of each sentence, the best one first.

    Attributes:
      token_ids: int32 [batch, n_best, max_length], ended by the end mark and padded with 0.
      scores: float32 [batch, n_best], log-probability divided by the length penalty.
    """

    token_ids: Any
    scores: Any


class Search(Protocol):
    """How the sentences in the slots are searched; all tensors have the slots as their first axis.
    `state` is a dict of them."""

    beam_size: int

    def start(self, slots, room) -> dict[str, Any]:
        """The state of so many sentences of which nothing is written yet. What has three axes has
        `room`, tokens of the longest output, as its last."""
        ...

    def advance(self, state, position, limit, predict, given) -> dict[str, Any]:
        """One step. position int32 [slots]; limit int32 [slots], tokens of the longest output.
        predict: the last tokens int32 [slots, beam], the outputs so far int32 [slots, beam, room]
        and the ancestors of the same shape (see `Decoder.step`) -> float32 [slots, beam,
        vocabulary], the probabilities of the next token, 0 of what must not come. given: of each
        sentence, see `constraints.Given`."""
        ...

    def decided(self, state, position, limit):
        """bool [slots]: nothing that is yet to come can change the outputs."""
        ...

    def outputs(self, state):
        """int32 [slots, n_best, room] and float32 [slots, n_best]."""
        ...


def target_limits(source_lengths: Any, max_length: int) -> Any:
    """Most tokens, end mark included, that sources of so many tokens may become: one of them or an
    array."""
    return np.minimum(max_length, source_lengths + source_lengths // 2 + 10)


def search(
    model, source_ids, decoding: Decoding, limits, given: Given | None = None, slots=None
) -> Hypotheses:
    """Searches the likeliest output of each source.

    source_ids int32 [batch, source_length], 0 = padding; it is fastest with the longest first.
    limits int32 [batch], or one for all: tokens of the longest output, end mark included. given:
    what belongs to each sentence besides (see `constraints.Given`). slots: sentences at once;
    nothing but the time depends on it.

    Raises ValueError for a shortlist together with a prefix or sampling.
    """
    if given and "shortlist" in given and ("prefix" in given or decoding.sampling is not None):
        raise ValueError("shortlist is for outputs that are searched and begin as they will")
    longest: Any = tf.maximum(tf.reduce_max(limits), 1)
    limits = tf.broadcast_to(limits, tf.shape(source_ids)[:1])
    way: Any
    if decoding.sampling is not None:
        way = Sampled(decoding.sampling, decoding.alpha, longest, decoding.min_length)
    elif decoding.beam_size == 1:
        way = Greedy(decoding.alpha, longest, decoding.min_length)
    else:
        way = Beam(
            *(decoding.beam_size, decoding.alpha, longest),
            *(decoding.min_length, decoding.n_best),
        )
    with computing(Computation(alike=True)), with_transposed(model.decoder.wide_layers()):
        slots = max(1, ROWS // way.beam_size) if slots is None else slots
        return _Slots(model, source_ids, way, decoding, limits, longest, given or {}).run(slots)


class _Slots:
    """The loop. `batch` is the number of sentences; a slot whose row is `batch` is free."""

    def __init__(
        self, model, source_ids, way: Any, decoding: Decoding, limits, longest, given: Given
    ):
        self.model, self.source_ids, self.way = model, source_ids, way
        self.decoding, self.limits, self.longest, self.given = decoding, limits, longest, given
        self.batch = tf.shape(source_ids)[0]
        real: Any = masks.padding_mask(source_ids)
        self.lengths = tf.reduce_sum(tf.cast(real, tf.int32), axis=1)
        self.shortlists = ShortlistLogits(model, _NEVER) if "shortlist" in given else None
        of_all: Any = None if self.shortlists else model.logits_in_loops(_NEVER)
        self.logits: Any = self.shortlists or (lambda hidden, _: of_all(hidden))

    def run(self, slots) -> Hypotheses:
        slots = self._whole(tf.minimum(slots, self.batch))
        state = self._empty(slots)
        last: Any = tf.while_loop(
            lambda state: tf.logical_or(
                state["next"] < self.batch, tf.reduce_any(state["row"] < self.batch)
            ),
            self._body,
            [state],
            shape_invariants=[_loose(state)],
        )
        (state,) = last
        return Hypotheses(state["token_ids"][:-1], state["scores"][:-1])

    def _whole(self, slots):
        """At least so many slots, one or more, whose hypotheses are whole `ROWS_TOGETHER`."""
        step = ROWS_TOGETHER // math.gcd(ROWS_TOGETHER, self.way.beam_size)
        return (tf.maximum(slots, 1) + step - 1) // step * step

    def _empty(self, slots) -> dict[str, Any]:
        """All slots are free, with little room."""
        free = {"row": tf.fill([slots], self.batch), **self._begun(slots, _ROOM)}
        ids, scores = self.way.outputs(free["hypotheses"])
        # One row more than there are sentences: what free slots write goes there.
        rows = self.batch + 1
        return {
            **free,
            "next": tf.constant(0),
            "limit": tf.ones([slots], tf.int32),
            **self._allowed(_rows_of(self.given, tf.zeros([slots], tf.int32))),
            "real": tf.zeros([slots, 0], tf.bool),
            "memory": self.model.decoder.empty_memory(slots, 0),
            "cache": self.model.decoder.empty_cache(slots, self.way.beam_size, _ROOM),
            "token_ids": empty([rows, ids.shape[1], self.longest], tf.int32),
            "scores": empty([rows, scores.shape[1]], tf.float32),
        }

    def _allowed(self, given: Any) -> dict[str, Any]:
        """What belongs to the sentences in all slots, and what is made of it for a step."""
        made = self.shortlists.prepared(given["shortlist"]) if self.shortlists else {}
        return {"given": given, **made}

    def _begun(self, slots, room) -> dict[str, Any]:
        return {
            "position": tf.zeros([slots], tf.int32),
            "hypotheses": self.way.start(slots, room),
        }

    def _body(self, state):
        slots = tf.shape(state["row"])[0]
        # Sentences are taken in several at a time, for the encoder is faster so, but not so many
        # that they differ much in length.
        group = tf.maximum(slots // 4, 1)
        (state,) = tf.while_loop(
            lambda state: tf.logical_and(
                state["next"] < self.batch, tf.reduce_sum(self._free(state)) >= group
            ),
            lambda state: [self._filled(state, group)],
            [state],
            shape_invariants=[_loose(state)],
        )
        few = tf.reduce_sum(self._free(state)) * 2 > slots
        fewer = tf.logical_and(few, tf.equal(state["next"], self.batch))
        fewer = tf.logical_and(fewer, slots > self._whole(1))
        state = tf.cond(fewer, lambda: self._compacted(state), lambda: state)
        return [self._stepped(self._with_room(state, state["row"], state["position"]))]

    def _free(self, state) -> Any:
        """int32 [slots], 1 where there is no sentence."""
        return tf.cast(tf.equal(state["row"], self.batch), tf.int32)

    def _filled(self, state, most):
        """The next sentences take free slots, so many at most."""
        free: Any = tf.where(self._free(state))
        free = tf.cast(free[: tf.minimum(most, self.batch - state["next"]), 0], tf.int32)
        count = tf.shape(free)[0]
        rows = state["next"] + tf.range(count)
        taken = tf.tensor_scatter_nd_update(state["row"], free[:, None], rows)
        position = tf.tensor_scatter_nd_update(state["position"], free[:, None], rows * 0)
        # Those that are still at work may need more room than the new ones, or less.
        state = self._with_room(state, taken, position)
        length_of_all = tf.shape(state["real"])[1]
        length = tf.minimum(tf.reduce_max(tf.gather(self.lengths, rows)), length_of_all)
        length = tf.maximum(-(-length // _PLACES) * _PLACES, _FEWEST_PLACES)
        source_ids = _wide(self.source_ids[state["next"] : state["next"] + count], 1, length)
        memory = self.model.decoder.memory_cache(self.model.encoder(source_ids))
        memory = [tuple(_wide(part, 2, length_of_all) for part in pair) for pair in memory]
        new = {
            "limit": tf.gather(self.limits, rows),
            "given": _rows_of(self.given, rows),
            "real": _wide(masks.padding_mask(source_ids), 1, length_of_all),
            **self._begun(count, self._room(state)),
        }
        held = {name: state[name] for name in new}
        found = tf.nest.map_structure(
            lambda old, part: tf.tensor_scatter_nd_update(old, free[:, None], part), held, new
        )
        # The largest part, which is written in place: nobody reads it as it was.
        memory = tf.nest.map_structure(
            lambda old, part: tf.raw_ops.InplaceUpdate(x=old, i=free, v=part),
            state["memory"],
            memory,
        )
        next_row = state["next"] + count
        found |= self._allowed(found["given"])
        return {**state, **found, "row": taken, "memory": memory, "next": next_row}

    def _with_room(self, state, rows, position):
        """The state with the room that sentences int32 [slots] need at their position int32
        [slots]. To make room is to copy: so it stays until less than half of it is needed."""
        there = rows < self.batch
        inside = tf.minimum(rows, self.batch - 1)

        def enough(sizes, now):
            needed = _rounded(tf.reduce_max(tf.where(there, sizes, 1)))
            fits = tf.logical_and(needed <= now, needed * 2 > now)
            return tf.where(fits, now, needed)

        length, room = tf.shape(state["real"])[1], self._room(state)
        new_length = enough(tf.gather(self.lengths, inside), length)
        new_length = tf.maximum(new_length, _rounded(_FEWEST_PLACES))
        new_room = enough(position + 1, room)
        same = tf.logical_and(tf.equal(length, new_length), tf.equal(room, new_room))
        return tf.cond(same, lambda: state, lambda: self._resized(state, new_length, new_room))

    def _room(self, state):
        return tf.shape(self.way.outputs(state["hypotheses"])[0])[2]

    def _resized(self, state, length, room):
        old_room = self._room(state)

        def of_cache(part):
            by_place = tf.reshape(part, [-1, old_room, part.shape[1]])
            return tf.reshape(_wide(by_place, 1, room), [-1, part.shape[1]])

        def of_hypotheses(part):
            return _wide(part, 2, room) if part.shape.rank == 3 else part

        return {
            **state,
            # What free slots go on to write stays in their room.
            "position": tf.minimum(state["position"], room - 1),
            "hypotheses": tf.nest.map_structure(of_hypotheses, state["hypotheses"]),
            "real": _wide(state["real"], 1, length),
            "memory": tf.nest.map_structure(lambda part: _wide(part, 2, length), state["memory"]),
            "cache": tf.nest.map_structure(of_cache, state["cache"]),
        }

    def _stepped(self, state):
        position, limit = state["position"], state["limit"]
        filled: dict[str, Any] = {}

        def predict(tokens, output, ancestors):
            with in_whole_rows():
                hidden, filled["cache"] = self.model.decoder.step(
                    tokens, position, state["cache"], state["memory"], ancestors, state["real"]
                )
                logits = self.logits(hidden, state)
            probabilities = tf.nn.softmax(logits)
            if self.decoding.no_repeat_ngram:
                size = tf.shape(probabilities)[-1]
                allowed = self._without_repeats(output, position, size, state["given"])
                probabilities *= allowed
            if "prefix" in state["given"]:
                probabilities = constraints.forced(
                    probabilities, state["given"]["prefix"], position
                )
            return probabilities

        hypotheses = self.way.advance(state["hypotheses"], position, limit, predict, state["given"])
        position += 1
        decided = self.way.decided(hypotheses, position, limit)
        ids, scores = self.way.outputs(hypotheses)
        row = tf.where(decided, self.batch, state["row"])
        place = tf.where(decided, state["row"], self.batch)
        return {
            **state,
            # Where there is no sentence, no more room is needed.
            "position": tf.where(tf.equal(row, self.batch), 0, tf.minimum(position, limit - 1)),
            "hypotheses": hypotheses,
            "cache": filled["cache"],
            "row": row,
            "token_ids": tf.raw_ops.InplaceUpdate(
                x=state["token_ids"], i=place, v=_wide(ids, 2, self.longest)
            ),
            "scores": tf.raw_ops.InplaceUpdate(x=state["scores"], i=place, v=scores),
        }

    def _without_repeats(self, output, position, size, given):
        """Of so many probabilities. With lists they are those of the whole vocabulary first."""
        length = self.decoding.no_repeat_ngram
        if not self.shortlists:
            return constraints.without_repeats(output, position, length, size)
        size = self.model.target_vocab_size
        allowed = constraints.without_repeats(output, position, length, size)
        return tf.gather(allowed, given["shortlist"], axis=2, batch_dims=1)

    def _compacted(self, state):
        """Without the slots that are free, when no sentence waits for them."""
        slots = tf.shape(state["row"])[0]
        order: Any = tf.argsort(self._free(state), stable=True)
        kept = order[: self._whole((slots + 1) // 2)]
        held = {name: state[name] for name in state if name not in _NOT_OF_SLOTS}
        smaller = tf.nest.map_structure(lambda part: tf.gather(part, kept), held)

        def of_cache(part):
            by_slot = tf.reshape(part, [slots, -1, part.shape[1]])
            return tf.reshape(tf.gather(by_slot, kept), [-1, part.shape[1]])

        return {**state, **smaller, "cache": tf.nest.map_structure(of_cache, state["cache"])}


def _rows_of(given: Given, rows):
    return {name: tf.gather(part, rows) for name, part in given.items()}


def _rounded(size):
    return (size + _ROOM - 1) // _ROOM * _ROOM


def _wide(part, axis: int, size):
    """With `size` places along an axis: what is there to begin with, or zeros behind it."""
    index = [slice(None)] * axis + [slice(0, size)]
    part = part[tuple(index)]
    padding = [[0, 0]] * len(part.shape)
    padding[axis] = [0, size - tf.shape(part)[axis]]
    return tf.pad(part, padding)


# Of a name in the state, the axes besides the first whose size changes.
_LOOSE = {"hypotheses": 2, "real": 1, "memory": 2}


def _loose(state):
    """The shapes without what changes: the number of slots, and their room."""

    def of(name, part):
        shape: list[Any] = list(part.shape)
        if shape:
            shape[0] = None
        if name in _LOOSE and len(shape) > _LOOSE[name]:
            shape[_LOOSE[name]] = None
        return tf.TensorShape(shape)

    return {
        name: tf.nest.map_structure(lambda part, name=name: of(name, part), parts)
        for name, parts in state.items()
    }
