"""Records that are equal, and records that share most of their wording."""
