"""Conversations: the list, the tree of one, and one to take away.

Read `endpoints`, then `schemas`; `presentation` fills them. `export` writes files.
"""

from dashboard.api.resources.conversations.endpoints import router

__all__ = ["router"]
