"""What differs between a request and the one before it, or any other one, with the cause of the cache break on top.

Read `view`, then its template `page.html`.
"""
