"""Pages about people: contacts, imports, duplicates, groups, opt-outs, privacy."""
