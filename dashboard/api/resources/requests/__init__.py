"""Requests: the list, all of one, and the exact bytes of its bodies.

Read `endpoints`, then `schemas`; `presentation` fills them, with the `bill`.
"""

from dashboard.api.resources.requests.endpoints import router

__all__ = ["router"]
