"""Each limit and how much of it is used now.

Read `view`, then its template `page.html`.
"""
