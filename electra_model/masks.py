"""Which positions may attend to which: boolean masks, True = may attend.

Shapes end in [query_length, key_length] with a heads axis of 1, so that they broadcast over
attention scores [batch, heads, query_length, key_length].
"""

import keras
from keras import ops

from electra_model.tokenizer import PAD_ID


def padding_mask(token_ids):
    """token_ids int [batch, length] -> bool [batch, length], True = real token."""
    return ops.not_equal(token_ids, PAD_ID)


def attend_to_real(mask):
    """Padding mask bool [batch, key_length] -> bool [batch, 1, 1, key_length]."""
    return ops.expand_dims(ops.expand_dims(mask, 1), 1)


def causal(length):
    """bool [1, 1, length, length]: position t sees positions 0 to t."""
    positions = ops.arange(length)
    seen = ops.greater_equal(ops.expand_dims(positions, 1), ops.expand_dims(positions, 0))
    return ops.expand_dims(ops.expand_dims(seen, 0), 0)


def ancestors(places, position):
    """places int [batch, beam, length]: in which place of the beam each earlier position of a
    hypothesis was computed -> bool [batch, 1, beam, length * beam], what each hypothesis sees of
    all that was computed: its past, and at the sentence's `position` int [batch] itself."""
    beam, length = ops.shape(places)[1], ops.shape(places)[2]
    steps = ops.arange(length)[None, None, :]
    own = ops.arange(beam)[None, :, None]
    position = ops.reshape(position, (-1, 1, 1))
    places = ops.where(ops.equal(steps, position), own, places)
    there = ops.equal(ops.expand_dims(places, -1), ops.arange(beam))
    there = ops.logical_and(there, ops.less_equal(steps, position)[..., None])
    return ops.reshape(there, (-1, 1, beam, length * beam))


def same_segment(segment_ids, key_segment_ids=None):
    """segment_ids int [batch, query_length], 0 = padding -> bool [batch, 1, query_length,
    key_length].

    Texts that were packed into one window do not see each other. `key_segment_ids` int [batch,
    key_length] are those of what is attended to, where that is another sequence.
    """
    query = ops.expand_dims(segment_ids, 2)
    key = ops.expand_dims(segment_ids if key_segment_ids is None else key_segment_ids, 1)
    return ops.expand_dims(ops.logical_and(ops.equal(query, key), ops.greater(key, 0)), 1)


def additive(mask, dtype):
    """bool mask -> 0 where it is True and a large negative number elsewhere, to be added to scores.

    A finite number rather than minus infinity: a row without any True (pure padding) then gives
    even weights instead of NaN.
    """
    large = -1e9 if keras.backend.standardize_dtype(dtype) != "float16" else -6e4
    return ops.where(mask, ops.cast(0.0, dtype), ops.cast(large, dtype))
