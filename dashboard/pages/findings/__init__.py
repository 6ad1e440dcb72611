"""What was found in conversations that a person may want to change: sums by kind with what to do, then each with its turns.

Read `view`, then its template `page.html`.
"""
