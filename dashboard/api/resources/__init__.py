"""What the API answers with: a module for each resource, or a folder where one would be long.

Each has a `router`, its shapes and what fills them, and imports no other one. Read `domains`, the smallest, first.
"""
