"""Who may read the dashboard: signing in with a key or as a Django user, wrong keys slowed down, sessions that end.

Read `signin`, then `throttle` and `sessions`.
"""
