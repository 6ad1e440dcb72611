"""What is found in stored conversations, two minutes behind ingest: cache breaks, loops and storms, many schemas of tools.

Read `breaks`, `loops` and `schemas`, then `writing`.
"""
