"""One file an endpoint of the API, except the model's own work.

Read `messages` first.
"""
