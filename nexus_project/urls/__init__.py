"""What each port answers: a table of addresses for each.

Read `proxy`, then `dashboard`, which adds the admin to `dashboard.urls`.
"""
