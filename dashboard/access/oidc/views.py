"""The two addresses of a sign-in by OpenID Connect: where it begins, and where the provider sends people back to.

Both are asked by GET, as `form-action` of the content security policy would stop a form that leads to the provider.
"""

import logging
from collections.abc import Callable

import httpx
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.outbound.client import kind_of
from dashboard.access import entry, signin
from dashboard.access.identity import Refused
from dashboard.access.oidc import is_configured, outbound, provider
from dashboard.access.oidc.adapter import HOW

log = logging.getLogger("nexus.access")
DOWN = (
    "{name} does not answer as it should, so it can sign nobody in now. Try again in a minute, or sign in with the key or "
    "a password."
)
VOID = (
    "What came from {name} does not hold for this sign-in. Begin again; if that does not help, ask an operator to look at "
    "the log."
)


@never_cache
@require_GET
def begin(request: HttpRequest) -> HttpResponseBase:
    """Lead to the provider; `next` is where the sign-in leads in the end."""
    return _explained(request, _begin)


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponseBase:
    """Take what the provider sends: a code, which is exchanged for a token, or a refusal."""
    return _explained(request, provider.complete)


def _begin(request: HttpRequest) -> HttpResponseBase:
    target = signin.local_target(request.GET.get("next", ""))
    return provider.Provider(request, provider.app()).begin(request, target)


def _explained(request: HttpRequest, step: Callable[[HttpRequest], HttpResponseBase]) -> HttpResponseBase:
    """The step's response, or a page that says why there is none; no text of the provider's is logged or shown."""
    if not is_configured():
        raise Http404
    try:
        return step(request)
    except Refused as refused:
        return entry.refuse(request, refused.why, str(refused), HOW)
    except (httpx.HTTPError, outbound.BadProvider) as error:
        why = kind_of(error) if isinstance(error, httpx.HTTPError) else str(error)
        return _failed(request, why, DOWN, 503)
    except (provider.BadToken, OAuth2Error) as error:
        # The text of allauth's error is the token endpoint's whole response.
        why = f"the ID token: {error}" if isinstance(error, provider.BadToken) else "no token for the code"
        return _failed(request, why, VOID, 403)


def _failed(request: HttpRequest, why: str, message: str, status: int) -> HttpResponseBase:
    outbound.forget()
    log.warning("signin.provider_failed", extra={"why": why})
    return entry.refuse(
        request, "provider_failed", message.format(name=settings.OIDC_NAME), HOW, status=status
    )
