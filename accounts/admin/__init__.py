"""Where operators manage domains, credentials, client keys and limits in Django's admin.

Read `registered` first: it names the lists, forms and actions of the other files.
"""

from accounts.admin import identities, invitations, registered

__all__ = ["identities", "invitations", "registered"]
