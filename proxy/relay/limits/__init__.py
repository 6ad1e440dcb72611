"""Limits: reserved before a request goes upstream, settled when it has ended.

Read `limiter`; `store` is Redis, `prices` what a reservation is computed from, `messages` what a client reads.
"""
