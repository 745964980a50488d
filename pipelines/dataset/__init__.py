"""Sequences of words to shards of training records, and the books of what came in and went out."""
