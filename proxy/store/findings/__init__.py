"""What is found in stored conversations, two minutes behind ingest: cache breaks, loops and storms, many schemas of tools; and what
became of the calls of tools, which is summed up.

Read `breaks`, `loops`, `schemas` and `tool_sums`, then `writing`.
"""
