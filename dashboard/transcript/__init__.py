"""A request and its response as the conversation that they are: from untrusted JSON to masked, bounded, readable blocks.

Read `turns`, then `blocks`; `budget` and `clipping` bound what one page shows.
"""
