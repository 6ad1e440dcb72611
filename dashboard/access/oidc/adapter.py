"""Where allauth asks what is ours to say: how it reaches a provider, what follows a good sign-in, and what a failed one shows."""

import secrets
from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from dashboard.access import entry, people, sessions, signin
from dashboard.access.identity import Refused
from dashboard.access.oidc import outbound
from dashboard.access.oidc.claims import identity_of
from dashboard.access.oidc.provider import NONCE, BadToken, app

HOW = "oidc"
# RFC 6749 §4.1.2.1 and OpenID Connect Core 3.1.2.6: anything else could be any text.
REFUSALS = frozenset(
    (
        *("invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope"),
        *("server_error", "temporarily_unavailable", "interaction_required", "login_required"),
        *("account_selection_required", "consent_required"),
    )
)


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Takes over before allauth signs anybody in or makes an account: none of its own pages and rules come into play."""

    def get_requests_session(self) -> outbound.Session:
        return outbound.Session()

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """The settings' own; rows in a table of allauth's count for nothing."""
        return [app()]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def generate_state_param(self, state: dict[str, Any]) -> str:
        return secrets.token_urlsafe(24)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        """The provider has answered and its token holds: open a session, or say why not."""
        state, claims = sociallogin.state, sociallogin.claims
        if not constant_time_compare(str(claims.get(NONCE) or ""), str(state[NONCE])):
            raise BadToken("its nonce is another one")
        invitation = sessions.invitation_of(request.session)
        user = people.find(identity_of(claims), how=HOW, invitation=invitation)
        entry.open_session(request, user, how=HOW)
        raise ImmediateHttpResponse(redirect(signin.local_target(state.get("next") or "")))

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> NoReturn:
        if exception is not None:
            raise exception
        if error == AuthError.CANCELLED:
            raise Refused(
                "cancelled", "You did not let the provider tell who you are. Sign in again if you meant to."
            )
        if (extra_context or {}).get("state"):
            code = request.GET.get("error", "")
            raise outbound.BadProvider(f"it refused: {code if code in REFUSALS else 'for another reason'}")
        raise Refused(
            "state_unknown",
            "This sign-in was begun in another browser, more than ten minutes ago, or was used already. Begin again.",
        )
