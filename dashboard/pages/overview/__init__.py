"""The first page: the figures of a period with where they lead, what runs now, what failed, and whether anything was lost.

Read `view`, then `cards` and `panels`, which it puts together, then its template `page.html`.
"""
