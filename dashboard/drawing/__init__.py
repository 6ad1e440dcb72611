"""Values become SVG on the server, so that pages need no drawing script.

Read `charts`, then `lines`, which shares its axes; `timeline` draws one stream, `strip` one bar, `tree` a session.
"""
