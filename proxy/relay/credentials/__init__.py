"""Which credential of a pool a request is sent with, and what each response says of it: circuit breaker, affinity, retries.

Read `attempts`, then `choosing`, `circuit_breaker` and `affinity`; `health` and `updates` share what is known with all processes.
"""
