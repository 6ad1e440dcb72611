"""Limits in Redis: `scripts` change them in one step each, `use` reads how much of each is used.

Which limits hold for a request is a pure question of `accounts.access.limits`; their table is in `accounts.models.limits`.
"""
