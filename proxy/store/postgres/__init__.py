"""PostgreSQL beyond Django's ORM: COPY and many rows in one statement, values that fit their columns, partitions by month.

Read `columns` and `rows`, then `bulk`; `partitions` makes the tables of the months to come.
"""
