"""Where operators say who sees what: users, groups and the domains that these are bound to.

Read `people`, which names the lists and forms.
"""

from dashboard.admin import people

__all__ = ["people"]
