"""The model: TensorFlow and Keras only. Knows nothing of Beam or of runners.

Nothing is imported here, so that `electra_model.config` and `electra_model.features` cost a
worker that never computes with the model no TensorFlow import.
"""
