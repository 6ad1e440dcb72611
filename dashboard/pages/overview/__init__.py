"""The first page: what runs, the figures of the last day, and the latest requests.

Read `view`, then its template `page.html`.
"""
