"""The proxy and its record: `relay` serves clients and spools what passed, `store` is the worker's side of it.

Read `relay`, then `record` and `batch`, the only things that relay and store share besides `heartbeat` and the pure parsers of
`wire`; then `store`. `live_events` is the message to open pages, `price_table` what both sides know of prices.
"""
