"""Pages about campaigns: list, compose, follow, recipients, recordings, replies."""
