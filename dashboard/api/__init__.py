"""The data API under /api, by django-ninja.

Read `registry`, which lists the resources, then any of `resources`: each has its router, its shapes and what fills them. What
they share is in `shapes`, `filtering`, `keys` and `parameters`. A new one: docs/how-do-i.md, "Add an API resource".
"""
