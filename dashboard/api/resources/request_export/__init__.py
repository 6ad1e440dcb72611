"""Requests to take away: every one of a filter, as CSV, lines of JSON or Parquet.

Read `endpoints`, then `columns`, what a row holds; `forms` write rows, `streaming` sends what they write as it comes.
"""

from dashboard.api.resources.request_export.endpoints import router

__all__ = ["router"]
