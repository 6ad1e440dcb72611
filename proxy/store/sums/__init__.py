"""Sums over exchanges by hour, by day and by domain, kept in step with every row.

Read `definitions`, which says what is summed under which key, then `rollups` and `spend`; `hours` are those of conversations.
"""
