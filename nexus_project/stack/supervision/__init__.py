"""The processes of Nexus: their command lines as data, started, watched, started again and stopped in order.

Read `commands`, then `supervisor`; `reaper` cleans up after a supervisor that was killed.
"""
