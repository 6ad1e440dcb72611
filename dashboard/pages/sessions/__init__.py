"""The list of sessions in four orders, by keyset and filter.

Read `view`, then its template `page.html`.
"""
