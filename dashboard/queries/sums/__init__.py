"""Questions to sums: totals of a span, by hour and by day, by any dimension, beside another span, and percentiles.

Read `spans`, then `figures` and `usage`, which charts are made of; `breakdowns`, `explain` and `percentiles` build on them.
"""
