"""What campaigns, callbacks, texts and calls are in the database."""
