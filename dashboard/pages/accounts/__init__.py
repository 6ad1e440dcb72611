"""Each credential: its state, how near its account is to its windows and when they will be full, what it spent, when it failed.

Read `view`, then its template `page.html`; a window in words and lines is window_rows.py, beside this folder.
"""
