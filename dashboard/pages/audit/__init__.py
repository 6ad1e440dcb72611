"""Who changed what, of all users and commands, with old and new values; to filter, and to take away as a file.

Read `view`, then its template `page.html`.
"""
