"""Bodies that are large or heavy, through the whole line."""
