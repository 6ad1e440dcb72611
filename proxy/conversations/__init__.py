"""Conversations from the bytes of their exchanges alone: the keys of a turn, the tree that follows from the keys of all, and what
turns show when they are compared. Pure.

Read `content`, what counts of a message, then `keys` and `offers`; `parents`, `lanes` and `tree` put turns in their places;
`findings` compares them, `search` has their words.
"""
