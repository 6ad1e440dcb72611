"""Conversations from the bytes of their exchanges alone: the keys of a turn, and the tree that follows from the keys of all. Pure.

Read `content`, what counts of a message, then `keys` and `offers`; `parents`, `lanes` and `tree` put turns in their places.
`search` has the words of a turn.
"""
