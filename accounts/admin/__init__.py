"""Where operators manage domains, credentials, client keys and limits in Django's admin, and stop sessions.

Read `registered` first: it names the lists, forms and actions of the other files, all but those of `stops`.
"""

from accounts.admin import identities, invitations, registered, stops

__all__ = ["identities", "invitations", "registered", "stops"]
