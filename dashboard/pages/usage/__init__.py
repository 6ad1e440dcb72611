"""Seven days of usage in charts and tables.

Read `view`, then `charts`, which works out what is drawn.
"""
