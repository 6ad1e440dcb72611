"""Why a figure differs between two stretches of time: what each value of each dimension has of the difference.

Read `view`, then `contributors`, which says what stands out.
"""
