"""Backups: the database with photos and recordings in one file, and back, without writing twice."""
