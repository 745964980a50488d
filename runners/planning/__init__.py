"""What a job would do, and what it will take: time, memory and disk."""
