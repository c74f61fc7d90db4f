"""Two texts or calls in a campaign: some people try them, the rest wait for the better one."""
