"""What people see: pages, API and live updates. It reads traffic and never writes it.

Read `urls`, then `pages` and `api`, which ask `queries`; `access` says who may see what.
"""
