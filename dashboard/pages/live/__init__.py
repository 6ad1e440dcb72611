"""Every stream that runs now, patched in place, and a way to stop it.

Read `view`, then its template `page.html`; what moves is in `static/dashboard/streams.js`, and `names` says who a stream is.
"""
