"""From the spool to the worker: batches as Celery messages, and nothing is deleted before it was stored.

Read `shipper`, then `broker` and `task_message`; `parts` splits what is too large for one message.
"""
