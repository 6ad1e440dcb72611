"""What the decision reads, kept in the memory of each process: from the database, the credential files and the environment.

Read `credentials` and `build`, then `watcher`, which keeps it fresh; `file` is the copy for a start without a database, `exposure`
names what anybody may spend.
"""
