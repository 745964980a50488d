"""What starts work: the command line, job files, engines, training, evaluation and the report."""
