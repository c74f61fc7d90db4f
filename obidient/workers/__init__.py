"""What runs in a worker process beside its jobs: the clock, heartbeats, histories, failures."""
