"""One session: what it cost and where its time went, its tree, and its turns in order with what was new in each.

Read `view`, then `outline`, all that follows from figures, and `reading`, what bodies add; `branches` draws the tree and `sharing`
splits cost and time.
"""
