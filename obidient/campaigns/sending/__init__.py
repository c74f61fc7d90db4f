"""The engine: stage, claim, call, record, sweep; it knows channels by what they registered."""
