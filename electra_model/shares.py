"""A batch cut by its rows into equal shares, one for each device."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Share:
    """Share number `index`, from 0, of `of` shares.

    What is drawn for a row is a function of the row's place in the whole batch (see `randomness`),
    so that the shares of a batch see together what one device would see of it.
    """

    index: int = 0
    of: int = 1

    def rows(self, batch):
        """The rows of this share: [rows, ...] -> [ceil(rows / of), ...]. The last shares are filled
        up with rows of zeros, which are padding."""
        if self.of == 1:
            return batch
        rows = tf.shape(batch)[0]
        each = (rows + self.of - 1) // self.of
        padding = [[0, each * self.of - rows], *[[0, 0]] * (len(batch.shape) - 1)]
        return tf.pad(batch, padding)[self.index * each : (self.index + 1) * each]


WHOLE = Share()
