"""A job: its file, its stages in order, its folder and its record."""
