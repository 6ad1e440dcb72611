"""The first page: what runs, the figures of a period, and the latest requests.

Read `view`, then its template `page.html`.
"""
