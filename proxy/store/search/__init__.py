"""Search in what was new in each turn: a row for each, found by its words, looked at again, shown with marks.

Read `turns` and `rows`, which make what is stored, then `find`; `candidates` asks the index.
"""
