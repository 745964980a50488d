"""Parallel corpora from the translation catalogues of pinned packages."""
