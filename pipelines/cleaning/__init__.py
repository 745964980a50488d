"""Input to clean records: the rules, in which order, and what becomes of what they reject."""
