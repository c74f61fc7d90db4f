"""What networks report back: stored raw, answered, then applied once."""
