"""Everything that the dashboard reads from the database, one idea a module. Lists never touch a body.

Read `exchanges`, the lists, then `figures` and `usage`, which read sums.
"""
