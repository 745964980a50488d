"""The model: TensorFlow and Keras only. Knows nothing of Beam or of runners.

Nothing is imported here, so that `electra_model.config` and `electra_model.features` cost a
worker that never computes with the model no TensorFlow import.

TensorFlow is told, before it starts, to multiply matrices by oneDNN on every x86 processor, and not
only on some: its own small products depend on how many rows there are. What the variable says
already holds.
"""

import os

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
