"""What a run would do and cost, said before it is done."""
