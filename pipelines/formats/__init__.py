"""One module per input format. `registry.format_of` finds the right one by file name."""
