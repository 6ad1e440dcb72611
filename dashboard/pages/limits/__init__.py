"""Each limit, and how much of it is used now."""
