"""Limits in Redis, changed by many processes in one step each.

Read `scripts`, which change them, then `use`, which reads how much of each is used. Which limits hold for a request is a pure
question of `accounts.access.limits`; their table is in `accounts.models.limits`.
"""
