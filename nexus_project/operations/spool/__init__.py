"""`manage.py spool`: what waits between a proxy and the database is listed, stored or carried away.

Read `list`, then `replay` and `export`; `file` is the format of what is carried.
"""
