"""One credential wherever it is kept: its file, its state, its health over all processes, and moving it in and out.

Read `files` and `folder` for what lies on disk, `health` and `state` for how it fares, then `check` and `moving`.
"""
