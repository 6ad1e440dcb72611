"""Search in what was new in each turn: a row for each, found by its words, looked at again, shown with marks.

Read `rows`, which makes what is stored, then `find`; `candidates` asks the index.
"""
