"""Calls: their lines, what they play, the keys people press, recordings."""
