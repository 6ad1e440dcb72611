"""The data API under /api, by django-ninja.

Read `endpoints`, then `schemas`; `present` turns stored exchanges into them.
"""
