"""What is wrong with this machine, this job file, a folder; and the remedy."""
