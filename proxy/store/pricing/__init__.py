"""The price table: what ships with Nexus, what an operator entered, and how the two go together.

Read `reconcile` (a file of prices beside the table), then `upgrade` and `pending`; `prices.json` is read by `proxy.price_file`.
"""
