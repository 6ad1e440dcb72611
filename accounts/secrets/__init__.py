"""How secrets stay secret outside of the database: masked in every text, and in files that are always whole.

Read `names`, which says what a secret is called, then `masking`.
"""
