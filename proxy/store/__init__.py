"""The store: what the worker writes to PostgreSQL, sums up, bills, keeps encrypted and drops by month.

Read `models`, then `ingest`, which stores a batch; `bodies`, `pricing` and `sums` are its steps. It meets the relay only in
`proxy.record`.
"""
