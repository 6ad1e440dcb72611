"""Sums that are wrong become right again: compared with the rows by the database, then rebuilt hour by hour.

Read `reconciliation`, then `rollups`.
"""
