"""Signing in and out.

Read `view`, then its template `page.html`.
"""
