"""Two texts in one campaign: some people try them out, the rest wait for the better one."""
