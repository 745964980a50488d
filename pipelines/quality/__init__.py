"""What a translation is held against its source for, and the certificate of a file."""
