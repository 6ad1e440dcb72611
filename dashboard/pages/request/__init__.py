"""One request, from its summary to its last byte.

Read `view`, then `contents`, which works out what it shows, and `served`, its facts.
"""
