"""Search by words in what was new in each turn.

Read `view`, then its template `page.html`.
"""
