"""Django's settings, one module for each kind of process.

Read `base`, which all share and where the environment is read, then `proxy` and `dashboard` (also worker, beat and commands);
`test` is the suite's.
"""
