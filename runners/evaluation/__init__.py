"""How good a model is: scores of its outputs, beside what costs nothing."""
