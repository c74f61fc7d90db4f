"""Before a campaign goes out: what it will cost, and what is kept for the next one."""
