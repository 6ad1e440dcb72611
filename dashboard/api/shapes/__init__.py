"""What shapes of several resources have in common.

Read `camel`, the base of all of them; the others each hold one thing that more than one resource says.
"""
