"""What is found in stored conversations: cache breaks, loops and storms. Written two minutes behind ingest.

Read `breaks` and `loops`, then `writing`.
"""
