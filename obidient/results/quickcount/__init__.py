"""A quick count: a sample of polling units that says within hours, with its margins, who leads."""
