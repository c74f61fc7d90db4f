"""Operators are told of what needs them, wherever they are: once, reminded, and all-clear."""
