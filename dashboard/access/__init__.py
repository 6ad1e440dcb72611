"""Who may read the dashboard: signing in with a key or as a Django user, wrong keys slowed down, sessions that end.

Read `signin`, then `throttle` and `sessions`. Whom another system vouches for (`identity`) becomes a user in `people` and has a
session opened in `entry`; `oidc` and `trusted_header` are such systems, `checks` looks at the settings of all of it.
"""
