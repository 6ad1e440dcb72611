"""The tables of access: domains, the credentials that pay for them, the client keys that open them, and limits.

Read `accounts`, then `limits`. Migrations name `accounts.models.validate_domain`: it stays importable from here.
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

__all__ = ["LEASE_SECONDS", "AccessVersion", "ClientKey", "Credential", "Domain", "Limit", "validate_domain"]
