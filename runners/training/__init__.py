"""Shards to weights: the two trainings of a job, on one device or several, exactly resumable."""
