"""OAuth tokens: refreshed by one process at a time, and counted.

Read `endpoint`, the protocol, then `refresh`, which holds the lock.
"""
