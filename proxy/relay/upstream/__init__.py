"""The way to the API over pooled connections, byte for byte.

Read `transport`, then `request`, which sends one on a `connection`; `response_parser` and `response_body` are the way back.
"""
