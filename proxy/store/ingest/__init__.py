"""A batch of records becomes rows: one transaction, each exchange once, however often it comes.

Read `batch`, then `facts`, which reads a record, and `storing`, which writes it; `dead_letters` and `replay` are for records that
could not be stored.
"""
