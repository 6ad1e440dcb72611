"""Ways to sign in beside the key and passwords: OpenID Connect, and a header that a proxy in front sets. Both are off at first."""

import re
from urllib.parse import urlsplit

from accounts.outbound.no_proxy import is_loopback
from nexus_project import env

DISCOVERY = "/.well-known/openid-configuration"


def issuer() -> str:
    """The provider, also given as the address of its discovery document; tokens travel there, so it has to be https."""
    found = env.url("OIDC_ISSUER").removesuffix(DISCOVERY)
    parts = urlsplit(found)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise env.SettingError(
            "OIDC_ISSUER is reached by http; set it to an address that begins with https://."
        )
    if len(found) > 200:
        raise env.SettingError("OIDC_ISSUER is longer than 200 characters; set it to the provider's issuer.")
    return found


def pair(name: str, text: str, example: str) -> tuple[str, str]:
    """The two sides of `left=right`."""
    left, sign, right = (part.strip() for part in text.partition("="))
    if left and sign and right:
        return left, right
    raise env.SettingError(f"{name}={text} is not allowed; write it as {example}.")


def group_pairs() -> tuple[tuple[str, str], ...]:
    """What a group is called outside, and here."""
    return tuple(pair("SIGNIN_GROUPS", text, "theirs=operator") for text in env.words("SIGNIN_GROUPS"))


def header(name: str) -> str:
    """The name of a header; one with an underscore is what servers drop, or take for another one."""
    found = env.text(name)
    if found and not re.fullmatch("[A-Za-z0-9-]+", found):
        raise env.SettingError(f"{name}={found} is not allowed; name a header such as X-Forwarded-User.")
    return found


def required_claim() -> tuple[str, str] | None:
    """The claim that everybody must have, and its value."""
    text = env.text("OIDC_REQUIRED_CLAIM")
    return pair("OIDC_REQUIRED_CLAIM", text, "department=platform") if text else None


OIDC_ISSUER = issuer()
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.secret("OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("OIDC_NAME", "single sign-on")
OIDC_SCOPES = env.text("OIDC_SCOPES", "openid email profile").split()
OIDC_EMAIL_DOMAINS = [domain.lower() for domain in env.words("OIDC_EMAIL_DOMAINS")]
OIDC_REQUIRED_CLAIM = required_claim()
OIDC_TRUST_EMAIL = env.flag("OIDC_TRUST_EMAIL")
OIDC_GROUPS_CLAIM = env.text("OIDC_GROUPS_CLAIM")
OIDC_STAFF_GROUP = env.text("OIDC_STAFF_GROUP")

SIGNIN_GROUPS = group_pairs()
SIGNIN_CREATE_USERS = env.flag("SIGNIN_CREATE_USERS")

TRUSTED_HEADER_SIGNIN = header("TRUSTED_HEADER_SIGNIN")
TRUSTED_HEADER_PEERS = env.networks("TRUSTED_HEADER_PEERS")
TRUSTED_HEADER_GROUPS = header("TRUSTED_HEADER_GROUPS")

# allauth speaks the protocol; who may come in is decided in dashboard/access, and none of its own pages is served.
SOCIALACCOUNT_ADAPTER = "dashboard.access.oidc.adapter.Adapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_VERIFICATION = "none"
