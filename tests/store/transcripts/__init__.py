"""Transcripts: what was new in each turn, in its place, masked, and in three forms."""
