"""Apache Beam pipelines: documents and pairs to training shards, document sets to translations.

TensorFlow is never imported at the top of a module here: workers that only filter do not pay for
it.
"""
