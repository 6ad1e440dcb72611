"""`make release`: a version gets its number, its notes, its list of parts (SBOM) and its tag.

Read `__main__`, then `changelog` and `sbom`.
"""
