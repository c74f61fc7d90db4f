"""Texts that people send us, and single texts that we send to one person."""
