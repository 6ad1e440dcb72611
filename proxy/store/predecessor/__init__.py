"""Traffic that the predecessor of Nexus recorded: its database read, its rows made into exchanges.

Read `schema`, then `reading` and `rows`; `importing` stores them. What the columns mean: docs/predecessor.md#databases.
"""
