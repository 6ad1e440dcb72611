"""The list of requests, by keyset and filter.

Read `view`, then its template `page.html`.
"""
