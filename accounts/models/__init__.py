"""The tables of access: domains, the credentials that pay for them, the client keys that open them, limits and stops.

Read `accounts`, then `limits` and `stops`. Migrations name `accounts.models.validate_domain`: it stays importable from here.
"""

from accounts.models.accounts import (
    LEASE_SECONDS,
    AccessVersion,
    ClientKey,
    Credential,
    Domain,
    validate_domain,
)
from accounts.models.limits import Limit
from accounts.models.stops import Stop

__all__ = [
    "LEASE_SECONDS",
    "AccessVersion",
    "ClientKey",
    "Credential",
    "Domain",
    "Limit",
    "Stop",
    "validate_domain",
]
