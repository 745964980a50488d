"""Documents that are translated inside: the same file with other words."""
