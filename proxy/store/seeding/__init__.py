"""Made-up traffic, much of it and fast: for looking at a full dashboard and for measuring one.

Read `seed`, then `conversations`, `prototypes` and `multiply`. Some hundred conversations are written out and read as ingest
would read them; PostgreSQL multiplies their rows over domains and days, so that each row says what its bodies say. Why it is
done so: docs/decisions/0018-made-up-traffic-and-sums-of-days.md.
"""
