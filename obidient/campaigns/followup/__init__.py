"""After sending: why people were not reached, what they said, and what is done about them."""
