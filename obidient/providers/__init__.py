"""Plugins as providers: found, loaded, set up, chosen for a channel, given their tasks."""
