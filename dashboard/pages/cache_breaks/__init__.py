"""What agents paid to write again what was cached: by cause with what to do, by client key, and turn by turn.

Read `view`, then its template `page.html`.
"""
