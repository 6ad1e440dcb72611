"""Sample traffic: what a small company's people and agents send in a day, through a running proxy.

Read `programme`, then `scenes` and `session`, which `sender` sends; the others are what is said.
"""
