"""Where operators say who sees what: users, groups, the domains that these are bound to, and tokens of programs.

Read `people` and `tokens`, which name the lists and forms.
"""

from dashboard.admin import people, tokens

__all__ = ["people", "tokens"]
