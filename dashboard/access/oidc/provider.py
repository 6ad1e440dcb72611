"""allauth's provider and flow of OpenID Connect, with what they leave out.

A nonce; the signature, the issuer and the audience of the ID token; and that what `userinfo` says is of the same person.
"""

import secrets
from typing import Any

import jwt
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from dashboard.access.oidc import outbound
from dashboard.access.oidc.claims import Claims

# RFC 8725 §3.1: what is taken is chosen here, never by the token; nothing that a public key could forge.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY_SECONDS = 60
NONCE = "nonce"


class BadToken(Exception):
    """An ID token that does not hold; the message says why, without a part of it."""


class Flow(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """The addresses of the provider and ours, and what comes of a code."""

    def get_provider(self) -> "Provider":
        return Provider(self.request, app())

    @property
    def openid_config(self) -> dict[str, Any]:
        return outbound.discover()

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        path = reverse("oidc-callback")
        return settings.DASHBOARD_URL + path if settings.DASHBOARD_URL else request.build_absolute_uri(path)

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        """A login that bears its claims, checked but for the nonce, which the state of the sign-in holds."""
        vouched = _checked(str(kwargs["response"].get("id_token") or ""), self.openid_config)
        more = self._userinfo(token.token)
        if more and more.get("sub") != vouched["sub"]:
            raise BadToken("userinfo is of another subject")
        login = self.get_provider().sociallogin_from_response(request, {"id_token": vouched})
        login.claims = {**more, **vouched}
        return login

    def _userinfo(self, access_token: str) -> Claims:
        url = self.openid_config.get("userinfo_endpoint")
        if not url:
            return {}
        with outbound.Session() as session:
            response = session.get(url, headers={"Authorization": f"Bearer {access_token}"})
        return outbound.json_of(response)


class Provider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth has no types
    """What is asked of the provider: nothing that the visitor's address could change."""

    oauth2_adapter_class = Flow

    def get_oauth2_adapter(self, request: HttpRequest) -> Flow:
        return Flow(request, self.app.provider_id)

    def begin(self, request: HttpRequest, target: str) -> HttpResponseBase:
        """Lead to the provider, with state, PKCE and a nonce; `target` is where the sign-in leads in the end."""
        nonce = secrets.token_urlsafe(24)
        auth_params = {NONCE: nonce}
        response: HttpResponseBase = self.redirect(
            request, "login", next_url=target, auth_params=auth_params, scope=self.get_scope(), nonce=nonce
        )
        return response

    def extract_extra_data(self, data: Claims) -> dict[str, Any]:
        """Nothing: no claim is kept."""
        return {}


def app() -> SocialApp:
    """The settings as allauth wants them; they are in no table."""
    return SocialApp(
        provider=Provider.id,
        provider_id=settings.OIDC_ISSUER,
        name=settings.OIDC_NAME,
        client_id=settings.OIDC_CLIENT_ID,
        secret=settings.OIDC_CLIENT_SECRET,
        settings={
            "server_url": settings.OIDC_ISSUER,
            "scope": settings.OIDC_SCOPES,
            "oauth_pkce_enabled": True,
        },
    )


def complete(request: HttpRequest) -> HttpResponseBase:
    """What allauth makes of a callback: it ends in `adapter.Adapter`."""
    response: HttpResponseBase = OAuth2CallbackView.adapter_view(Flow(request, settings.OIDC_ISSUER))(request)
    return response


def _checked(id_token: str, config: dict[str, Any]) -> dict[str, Any]:
    """The claims of a token that this provider signed for us and that is not over (OpenID Connect Core 3.1.3.7)."""
    try:
        vouched: dict[str, Any] = jwt.decode(
            id_token,
            _key(id_token, config["jwks_uri"]),
            algorithms=ALGORITHMS,
            audience=settings.OIDC_CLIENT_ID,
            issuer=config["issuer"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise BadToken(type(error).__name__) from None  # its text may hold a part of the token
    parties = vouched["aud"] if isinstance(vouched["aud"], list) else [vouched["aud"]]
    if len(parties) > 1 and vouched.get("azp") != settings.OIDC_CLIENT_ID:
        raise BadToken("it was made for another client")
    if not isinstance(vouched["sub"], str) or not 0 < len(vouched["sub"]) <= 191:
        raise BadToken("it names nobody")
    return vouched


def _key(id_token: str, address: str) -> jwt.PyJWK:
    """The provider's key that a token says it is signed with; a token without a key's name may have the only one."""
    name = jwt.get_unverified_header(id_token).get("kid")
    with outbound.Session() as session:
        keys = jwt.PyJWKSet.from_dict(outbound.json_of(session.get(address))).keys
    found = [key for key in keys if key.public_key_use in (None, "sig") and name in (None, key.key_id)]
    if len(found) != 1:
        raise BadToken("it is signed by no key of the provider")
    return found[0]
