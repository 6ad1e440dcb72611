"""The tables of access: domains, the credentials that pay for them, the client keys that open them, limits, and invitations.

Read `accounts`, then `limits` and `invitations`. Migrations name `accounts.models.validate_domain`: it stays importable from here.
"""

from accounts.models.accounts import (
    LEASE_SECONDS,
    AccessVersion,
    ClientKey,
    Credential,
    Domain,
    validate_domain,
)
from accounts.models.invitations import Invitation
from accounts.models.limits import Limit

__all__ = [
    "LEASE_SECONDS",
    "AccessVersion",
    "ClientKey",
    "Credential",
    "Domain",
    "Invitation",
    "Limit",
    "validate_domain",
]
