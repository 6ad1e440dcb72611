"""What is kept of an exchange while it passes: a bounded copy for the spool, live events, and a log for debugging.

Read `exchange`: each exchange ends there with exactly one outcome.
"""
