"""What a person sees while work goes on: progress, lines and logs; and how they stop it."""
