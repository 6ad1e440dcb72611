"""Signing in by OpenID Connect: allauth speaks the protocol, what a provider vouches for is judged here.

Read `views`, the two addresses, then `provider`, which adds a nonce, the signature and the issuer to what allauth checks, and
`claims`, which says whom a provider vouches for. `outbound` is the way to the provider, `adapter` what allauth asks of us.
"""

from django.conf import settings


def is_configured() -> bool:
    """Whether a provider is set, with what it wants to know of us."""
    return bool(settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET)
