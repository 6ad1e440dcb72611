"""Search without a database: what is new in a turn, its words, and where a query's words stand in it. Pure.

Read `new_text`, `words` and `hashing`, which make what is stored, then `query` and `snippets`, which find it again.
"""
