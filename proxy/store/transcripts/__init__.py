"""A conversation as a person reads it: what was new in each turn, agents under their calls, secrets masked.

Read `shapes`, what a transcript holds, then `content`, `arranging` and `reading`, which make it; `forms` lists in which forms it is
written.
"""
