"""The usage of a period in charts and tables.

Read `view`, then `charts`, which works out what is drawn.
"""
