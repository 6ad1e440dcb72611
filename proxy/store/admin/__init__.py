"""Prices and pins in Django's admin: the only parts of the record that operators edit.

Read `registered`, then `prices`.
"""

from proxy.store.admin import registered

__all__ = ["registered"]
