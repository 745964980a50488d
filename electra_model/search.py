"""The search for outputs, sentence by sentence in a fixed number of slots.

A slot holds one sentence until its output is decided; then the next sentence takes it, whatever the
others are at, so that no step is spent on what has ended. Each slot is at a position of its own and
has keys and values of its own. What a sentence becomes is a function of the sentence alone: every
sum runs over its own row, in the same order in any slot beside any neighbours.

How one sentence is searched is written in `greedy`, `beam` and `sampling`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import tensorflow as tf

from electra_model import constraints, masks
from electra_model.beam import Beam
from electra_model.constraints import Given
from electra_model.decoding import Decoding
from electra_model.fusion import Computation, computing
from electra_model.greedy import Greedy
from electra_model.sampling import Sampled
from electra_model.tokenizer import BOS_ID, MASK_ID, PAD_ID, UNK_ID

# Hypotheses that are searched at once. More of them make larger matrix products, until keys and
# values no longer fit into the processor's cache.
ROWS = 256
# Products of one row are computed in another order than those of more.
_FEWEST_SLOTS = 2
# The start token, the unknown token and their like are never output.
_NEVER = (PAD_ID, UNK_ID, BOS_ID, MASK_ID)
# What the state has of each slot, but for the cache, which has several rows of each.
_OF_SLOTS = ("row", "position", "hypotheses", "given", "real", "memory")


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

    def start(self, slots) -> dict[str, Any]:
        """The state of so many sentences of which nothing is written yet."""
        ...

    def advance(self, state, position, predict, given) -> dict[str, Any]:
        """One step. position int32 [slots]. predict: the last tokens int32 [slots, beam], the
        outputs so far int32 [slots, beam, max_length] and the ancestors of the same shape (see
        `Decoder.step`) -> float32 [slots, beam, vocabulary], the probabilities of the next token,
        0 of what must not come. given: of each sentence, see `constraints.Given`."""
        ...

    def decided(self, state, position):
        """bool [slots]: nothing that is yet to come can change the outputs."""
        ...

    def outputs(self, state):
        """int32 [slots, n_best, max_length] and float32 [slots, n_best]."""
        ...


def target_limit(source_length: int, max_length: int) -> int:
    """Most tokens, end mark included, that a source of `source_length` tokens may become."""
    return min(max_length, source_length + source_length // 2 + 10)


def search(
    model, source_ids, decoding: Decoding, max_length, given: Given | None = None, slots=None
) -> Hypotheses:
    """Searches the likeliest output of each source.

    source_ids int32 [batch, source_length], 0 = padding. max_length: tokens of the longest output,
    end mark included. given: what belongs to each sentence besides (see `constraints.Given`).
    slots: sentences at once; nothing but the time depends on it.
    """
    way: Any
    if decoding.sampling is not None:
        way = Sampled(decoding.sampling, decoding.alpha, max_length, decoding.min_length)
    elif decoding.beam_size == 1:
        way = Greedy(decoding.alpha, max_length, decoding.min_length)
    else:
        way = Beam(
            *(decoding.beam_size, decoding.alpha, max_length),
            *(decoding.min_length, decoding.n_best),
        )
    with computing(Computation(alike=True)):
        return _Slots(model, source_ids, way, decoding, max_length, given or {}).run(
            slots or max(1, ROWS // way.beam_size)
        )


class _Slots:
    """The loop. `batch` is the number of sentences; a slot whose row is `batch` is free."""

    def __init__(self, model, source_ids, way: Any, decoding: Decoding, max_length, given: Given):
        self.model, self.source_ids, self.way, self.max_length = model, source_ids, way, max_length
        self.decoding, self.given = decoding, given
        self.batch = tf.shape(source_ids)[0]
        self.logits = model.logits_in_loops(_NEVER)

    def run(self, slots) -> Hypotheses:
        slots = tf.maximum(tf.minimum(slots, self.batch), _FEWEST_SLOTS)
        state = self._empty(slots)
        shapes = tf.nest.map_structure(_loose, state)
        last: Any = tf.while_loop(
            lambda state: tf.logical_or(
                state["next"] < self.batch, tf.reduce_any(state["row"] < self.batch)
            ),
            self._body,
            [state],
            shape_invariants=[shapes],
        )
        (state,) = last
        return Hypotheses(state["token_ids"][:-1], state["scores"][:-1])

    def _empty(self, slots) -> dict[str, Any]:
        """All slots are free."""
        length = tf.shape(self.source_ids)[1]
        hypotheses = self.way.start(slots)
        ids, scores = self.way.outputs(hypotheses)
        # One row more than there are sentences: what free slots write goes there.
        rows = self.batch + 1
        return {
            "next": tf.constant(0),
            "row": tf.fill([slots], self.batch),
            "position": tf.zeros([slots], tf.int32),
            "hypotheses": hypotheses,
            "given": _rows_of(self.given, tf.zeros([slots], tf.int32)),
            "real": tf.zeros([slots, length], tf.bool),
            "memory": self.model.decoder.empty_memory(slots, length),
            "cache": self.model.decoder.empty_cache(slots, self.way.beam_size, self.max_length),
            "token_ids": tf.zeros([rows, ids.shape[1], self.max_length], tf.int32),
            "scores": tf.zeros([rows, scores.shape[1]]),
        }

    def _read(self, source_ids) -> dict[str, Any]:
        """What the decoder needs of sources."""
        memory = self.model.decoder.memory_cache(self.model.encoder(source_ids))
        return {"real": masks.padding_mask(source_ids), "memory": memory}

    def _body(self, state):
        slots = tf.shape(state["row"])[0]
        waiting = state["next"] < self.batch
        # Sentences are taken in several at a time: the encoder, too, is faster so.
        wanted = tf.logical_and(waiting, tf.reduce_sum(self._free(state)) * 4 >= slots)
        state = tf.cond(wanted, lambda: self._filled(state), lambda: state)
        state = self._stepped(state)
        few = tf.reduce_sum(self._free(state)) * 2 > slots
        fewer = tf.logical_and(tf.logical_not(waiting), few)
        fewer = tf.logical_and(fewer, slots > _FEWEST_SLOTS)
        return [tf.cond(fewer, lambda: self._compacted(state), lambda: state)]

    def _free(self, state) -> Any:
        """int32 [slots], 1 where there is no sentence."""
        return tf.cast(tf.equal(state["row"], self.batch), tf.int32)

    def _filled(self, state):
        """The next sentences take the free slots."""
        free: Any = tf.where(self._free(state))
        free = tf.cast(free[: self.batch - state["next"]], tf.int32)
        count = tf.shape(free)[0]
        rows = state["next"] + tf.range(count)
        new = {
            "row": rows,
            "position": tf.zeros([count], tf.int32),
            "hypotheses": self.way.start(count),
            "given": _rows_of(self.given, rows),
            **self._read(self.source_ids[state["next"] : state["next"] + count]),
        }
        held = {name: state[name] for name in new}
        taken = tf.nest.map_structure(
            lambda old, part: tf.tensor_scatter_nd_update(old, free, part), held, new
        )
        return {**state, **taken, "next": state["next"] + count}

    def _stepped(self, state):
        position = state["position"]
        filled: dict[str, Any] = {}

        def predict(tokens, output, ancestors):
            hidden, filled["cache"] = self.model.decoder.step(
                tokens, position, state["cache"], state["memory"], ancestors, state["real"]
            )
            probabilities = tf.nn.softmax(self.logits(hidden))
            if self.decoding.no_repeat_ngram:
                probabilities *= constraints.without_repeats(
                    output, position, self.decoding.no_repeat_ngram, tf.shape(probabilities)[-1]
                )
            if "prefix" in state["given"]:
                probabilities = constraints.forced(
                    probabilities, state["given"]["prefix"], position
                )
            return probabilities

        hypotheses = self.way.advance(state["hypotheses"], position, predict, state["given"])
        position += 1
        decided = self.way.decided(hypotheses, position)
        ids, scores = self.way.outputs(hypotheses)
        place = tf.expand_dims(tf.where(decided, state["row"], self.batch), 1)
        return {
            **state,
            "position": tf.minimum(position, self.max_length - 1),
            "hypotheses": hypotheses,
            "cache": filled["cache"],
            "row": tf.where(decided, self.batch, state["row"]),
            "token_ids": tf.tensor_scatter_nd_update(state["token_ids"], place, ids),
            "scores": tf.tensor_scatter_nd_update(state["scores"], place, scores),
        }

    def _compacted(self, state):
        """Without the slots that are free, when no sentence waits for them."""
        slots = tf.shape(state["row"])[0]
        order: Any = tf.argsort(self._free(state), stable=True)
        kept = order[: tf.maximum((slots + 1) // 2, _FEWEST_SLOTS)]
        held = {name: state[name] for name in _OF_SLOTS}
        smaller = tf.nest.map_structure(lambda part: tf.gather(part, kept), held)

        def of_cache(part):
            by_slot = tf.reshape(part, [slots, -1, part.shape[1]])
            return tf.reshape(tf.gather(by_slot, kept), [-1, part.shape[1]])

        return {**state, **smaller, "cache": tf.nest.map_structure(of_cache, state["cache"])}


def _rows_of(given: Given, rows):
    return {name: tf.gather(part, rows) for name, part in given.items()}


def _loose(part):
    """The shape without the number of slots."""
    return tf.TensorShape([None, *part.shape[1:]]) if part.shape.rank else part.shape
