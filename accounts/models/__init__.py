"""The tables of access: domains, credentials that pay for them, client keys that open them, limits, stops, invitations, welcomes.

Read `accounts`, then `limits`, `stops`, `invitations` and `welcome`. Migrations name `accounts.models.validate_domain`: it stays
importable from here.
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
from accounts.models.stops import Stop
from accounts.models.welcome import WelcomeDismissal

__all__ = [
    "LEASE_SECONDS",
    "AccessVersion",
    "ClientKey",
    "Credential",
    "Domain",
    "Invitation",
    "Limit",
    "Stop",
    "WelcomeDismissal",
    "validate_domain",
]
