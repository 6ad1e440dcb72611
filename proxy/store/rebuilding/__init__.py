"""Sums that are wrong become right again: compared with the rows by the database, then rebuilt hour by hour.

Read `comparison`, what all comparisons share, `reconciliation`, one of them, then `rollups`.
"""
