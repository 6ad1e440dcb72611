"""Everything that the dashboard reads from the database, one idea a module. Lists never touch a body.

Read `exchanges`, the lists, then `sums`, which read what is summed up.
"""
