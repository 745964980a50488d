"""Counted words to a vocabulary of pieces, and the words of a corpus cut into them."""
