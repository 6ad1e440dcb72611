"""The usage of a period in charts and a table, by any dimension.

Read `view`, then `charts`, which works out what is drawn, and `table`, which has the values.
"""
