"""Pages about the system: queues, schedules, plugins, callbacks, audit trail, team."""
