"""The guard of the API's own page, whose assets come from django-ninja's package."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace

from dashboard.access.signin import View, signed_in_only


def for_signed_in(view: View) -> View:
    """For people with a session and programs with a key. Swagger sets style attributes, here alone they are allowed."""
    return csp_replace({"style-src": [SELF, UNSAFE_INLINE]})(signed_in_only(view, is_narrowed=True))
