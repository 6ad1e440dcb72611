"""The embedded PostgreSQL and Redis of a data folder, owned by one process for as long as anybody holds a lease.

Read `lease` and `owner`, then `daemon`, `postgres` and `redis`.
"""
