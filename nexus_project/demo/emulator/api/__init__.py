"""The API's manners: how requests are read, how responses, errors, lists and streams look, and how `x-emulate` bends them.

Read `call` and `response`, then `directives` and `shaping`.
"""
