"""Signing in by OpenID Connect, at a real provider."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client

from dashboard.access import sessions
from dashboard.access.oidc import outbound
from tests.dashboard.access import provider
from tests.dashboard.access.provider import Provider
from tests.people import reader

# Of a library of the provider.
pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
SUB = "ann-at-work"
EMAIL = "ann@corp.example"


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with provider.serve() as running:
        yield running


@pytest.fixture(autouse=True)
def configured(idp: Provider, settings: LazySettings) -> None:
    settings.OIDC_ISSUER = idp.url
    settings.OIDC_CLIENT_ID = "nexus"
    settings.OIDC_CLIENT_SECRET = "the-clients-secret"
    settings.OIDC_NAME = "Corp"
    idp.is_down, idp.claims, idp.issuer = False, {}, ""
    idp.has(SUB, email=EMAIL, email_verified=True, name="Ann Other")
    outbound.forget()


def begin(client: Client, target: str = "") -> str:
    """The address at the provider that the button leads to."""
    response = client.get("/dashboard/oidc/login", {"next": target})
    assert response.status_code == 302, response.text
    return response.headers["Location"]


def sign_in(client: Client, idp: Provider, sub: str = SUB, target: str = "") -> Any:
    """What the callback says in the end."""
    return client.get(local(idp.approve(begin(client, target), sub)))


def local(address: str) -> str:
    parts = urlsplit(address)
    assert parts.path == "/dashboard/oidc/callback"
    return f"{parts.path}?{parts.query}"


def analyst() -> User:
    return reader("ann", "view_figures", email="Ann@Corp.example")


def test_who_has_a_user_with_that_address_signs_in_and_is_known_from_then_on(
    client: Client, idp: Provider
) -> None:
    user = analyst()
    first = sign_in(client, idp, target="/dashboard/usage?domain=a.example")
    idp.has(SUB, email="ann@elsewhere.example", email_verified=True)
    later = Client()
    sign_in(later, idp)

    assert first.headers["Location"] == "/dashboard/usage?domain=a.example"
    assert later.get("/dashboard").status_code == 200
    assert SocialAccount.objects.get().user == user
    assert (SocialAccount.objects.get().provider, SocialAccount.objects.get().extra_data) == (idp.url, {})
    assert not SocialToken.objects.exists()


def test_state_nonce_and_pkce_go_out_and_nothing_else_that_a_visitor_adds(
    client: Client, idp: Provider
) -> None:
    response = client.get("/dashboard/oidc/login?scope=admin&auth_params=prompt%3Dnone&process=connect")
    asked = parse_qs(urlsplit(response.headers["Location"]).query)

    assert response.headers["Location"].startswith(f"{idp.url}/oauth2/authorize?")
    assert asked["redirect_uri"] == ["http://testserver/dashboard/oidc/callback"]
    assert set(asked["scope"][0].split()) == {"openid", "email", "profile"}
    assert set(asked) == {
        *("client_id", "redirect_uri", "scope", "response_type", "state", "nonce"),
        *("code_challenge", "code_challenge_method"),
    }


def test_who_is_not_known_learns_whom_to_ask(client: Client, idp: Provider) -> None:
    refused = sign_in(client, idp)

    assert refused.status_code == 403
    assert "Ask an operator for an invitation" in refused.text
    assert not User.objects.exists()
    assert client.get("/dashboard").status_code == 302


def test_users_are_made_where_an_operator_says_so_without_rights(
    client: Client, idp: Provider, settings: LazySettings
) -> None:
    settings.SIGNIN_CREATE_USERS = True
    sign_in(client, idp)
    user = User.objects.get()

    assert (user.username, user.email, user.first_name) == (EMAIL, EMAIL, "Ann")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)
    assert client.get("/dashboard").status_code == 403


@pytest.mark.parametrize("verified", [False, None, "false"])
def test_an_address_that_nobody_vouches_for_finds_no_user(
    client: Client, idp: Provider, settings: LazySettings, verified: object
) -> None:
    settings.SIGNIN_CREATE_USERS = True
    analyst()
    idp.has("mallory", email=EMAIL, **({} if verified is None else {"email_verified": verified}))

    assert sign_in(client, idp, "mallory").status_code == 403
    assert not SocialAccount.objects.exists()


def test_a_provider_that_says_nothing_of_addresses_is_believed_where_an_operator_says_so(
    client: Client, idp: Provider, settings: LazySettings
) -> None:
    settings.OIDC_TRUST_EMAIL = True
    analyst()
    idp.has("silent", email=EMAIL)
    idp.has("unsure", email=EMAIL, email_verified=False)

    assert sign_in(Client(), idp, "unsure").status_code == 403
    assert sign_in(client, idp, "silent").status_code == 302


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}])
def test_who_manages_nexus_is_not_found_by_address(
    client: Client, idp: Provider, rights: dict[str, bool]
) -> None:
    reader("root", email=EMAIL, **rights)
    refused = sign_in(client, idp)

    assert "Sign in with your password" in refused.text
    assert not SocialAccount.objects.exists()


def test_a_deactivated_user_stays_outside_and_open_sessions_end(client: Client, idp: Provider) -> None:
    user = analyst()
    sign_in(client, idp)
    before = client.get("/dashboard").status_code
    user.is_active = False
    user.save()

    assert (before, client.get("/dashboard").status_code) == (200, 302)
    refused = sign_in(Client(), idp)
    assert refused.status_code == 403
    assert "switched off" in refused.text


def test_groups_follow_the_claim_at_each_sign_in_and_those_given_by_hand_stay(
    idp: Provider, settings: LazySettings
) -> None:
    settings.OIDC_GROUPS_CLAIM = "groups"
    settings.SIGNIN_GROUPS = (("corp-ops", "operator"), ("corp-read", "analyst"), ("corp-x", "nowhere"))
    user = analyst()
    user.groups.add(Group.objects.create(name="by hand"))
    seen = []
    for theirs in (["corp-ops", "corp-read", "other"], ["corp-read", "corp-x"], "corp-ops", None):
        claims = {} if theirs is None else {"groups": theirs}
        idp.has(SUB, email=EMAIL, email_verified=True, **claims)
        assert sign_in(Client(), idp).status_code == 302
        seen.append(sorted(user.groups.values_list("name", flat=True)))

    assert seen == [
        ["analyst", "by hand", "operator"],
        ["analyst", "by hand"],
        ["by hand", "operator"],
        ["by hand"],
    ]
    user.refresh_from_db()
    assert not user.is_staff


def test_staff_comes_and_goes_with_the_group_that_is_named_for_it(
    idp: Provider, settings: LazySettings
) -> None:
    settings.OIDC_GROUPS_CLAIM, settings.OIDC_STAFF_GROUP = "groups", "corp-admins"
    user, seen = analyst(), []
    for theirs in (["corp-admins"], []):
        idp.has(SUB, email=EMAIL, email_verified=True, groups=theirs)
        sign_in(Client(), idp)
        user.refresh_from_db()
        seen.append((user.is_staff, user.is_superuser))

    assert seen == [(True, False), (False, False)]


@pytest.mark.parametrize(
    ("setting", "value", "lets_in"),
    [
        ("OIDC_EMAIL_DOMAINS", ["corp.example"], True),
        ("OIDC_EMAIL_DOMAINS", ["example", "orp.example"], False),
        ("OIDC_REQUIRED_CLAIM", ("team", "red"), True),
        ("OIDC_REQUIRED_CLAIM", ("team", "re"), False),
        ("OIDC_REQUIRED_CLAIM", ("absent", "red"), False),
    ],
)
def test_domains_and_a_claim_may_be_asked_for(
    client: Client, idp: Provider, settings: LazySettings, setting: str, value: object, lets_in: bool
) -> None:
    analyst()
    idp.has(SUB, email=EMAIL, email_verified=True, team=["red", "blue"])
    setattr(settings, setting, value)

    assert sign_in(client, idp).status_code == (302 if lets_in else 403)


def test_a_callback_counts_once_and_in_the_browser_that_began(client: Client, idp: Provider) -> None:
    analyst()
    address = local(idp.approve(begin(client), SUB))
    elsewhere = Client().get(address)
    first = client.get(address)
    again = client.get(address)

    assert [elsewhere.status_code, first.status_code, again.status_code] == [403, 302, 403]
    assert "Begin again" in elsewhere.text
    assert client.get("/dashboard").status_code == 200


def test_a_wrong_state_opens_nothing(client: Client, idp: Provider) -> None:
    analyst()
    address = local(idp.approve(begin(client), SUB))

    assert client.get(address.replace("state=", "state=x")).status_code == 403
    assert client.get("/dashboard").status_code == 302


def test_a_token_with_another_nonce_opens_nothing(client: Client, idp: Provider) -> None:
    """A code that was issued to another sign-in, put into this one."""
    analyst()
    address = begin(client)
    wrong = address.replace("nonce=", "nonce=x")
    refused = client.get(local(idp.approve(wrong, SUB)))

    assert refused.status_code == 403
    assert "does not hold for this sign-in" in refused.text
    assert not SocialAccount.objects.exists()


def test_a_code_is_worth_nothing_without_the_verifier_of_this_sign_in(client: Client, idp: Provider) -> None:
    analyst()
    stolen = parse_qs(urlsplit(idp.approve(begin(Client()), SUB)).query)["code"][0]
    mine = parse_qs(urlsplit(begin(client)).query)["state"][0]
    refused = client.get("/dashboard/oidc/callback", {"code": stolen, "state": mine})

    assert refused.status_code == 403
    assert client.get("/dashboard").status_code == 302


def test_userinfo_of_somebody_else_opens_nothing(client: Client, idp: Provider) -> None:
    analyst()
    idp.claims = {"sub": "somebody-else"}

    assert sign_in(client, idp).status_code == 403


def test_who_says_no_at_the_provider_may_begin_again(client: Client, idp: Provider) -> None:
    state = parse_qs(urlsplit(begin(client)).query)["state"][0]
    refused = client.get("/dashboard/oidc/callback", {"error": "access_denied", "state": state})

    assert refused.status_code == 403
    assert "Sign in again if you meant to" in refused.text


def test_a_provider_that_is_down_is_named_and_the_key_still_opens(client: Client, idp: Provider) -> None:
    address = local(idp.approve(begin(client), SUB))
    idp.is_down = True
    outbound.forget()

    for path in ("/dashboard/oidc/login", address):
        refused = client.get(path)
        assert refused.status_code == 503
        assert "Corp does not answer" in refused.text
    assert client.get("/dashboard/login").status_code == 200


def test_another_issuer_than_the_one_that_was_set_is_not_believed(client: Client, idp: Provider) -> None:
    idp.issuer = "https://elsewhere.example"

    assert client.get("/dashboard/oidc/login").status_code == 503


def test_no_token_code_or_secret_is_logged_stored_or_shown(
    client: Client, idp: Provider, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    analyst()
    pages = [sign_in(client, idp).text]
    idp.claims = {"sub": "somebody-else"}
    pages.append(sign_in(Client(), idp).text)
    secrets = [*idp.codes, *idp.tokens, *idp.verifiers, "the-clients-secret"]
    said = capfd.readouterr()
    rows = str([*SocialAccount.objects.values(), *User.objects.values()]) + str(
        [session.get_decoded() for session in Session.objects.all()]
    )

    assert len(idp.tokens) >= 6
    for place in (*pages, said.out, said.err, rows):
        assert [secret for secret in secrets if secret and secret in place] == []


def test_the_sign_in_page_has_a_button_only_where_a_provider_is_set(
    client: Client, settings: LazySettings
) -> None:
    with_it = client.get("/dashboard/login?next=/dashboard/usage").text
    settings.OIDC_CLIENT_SECRET = ""

    assert 'href="/dashboard/oidc/login?next=%2Fdashboard%2Fusage"' in with_it
    assert "Sign in with Corp" in with_it
    assert "Sign in with Corp" not in client.get("/dashboard/login").text
    assert client.get("/dashboard/oidc/login").status_code == 404
    assert client.get("/dashboard/oidc/callback").status_code == 404


def test_a_sign_in_that_is_under_way_outlives_the_end_of_other_sessions(
    client: Client, idp: Provider
) -> None:
    analyst()
    address = local(idp.approve(begin(client), SUB))
    ended = sessions.end_void()

    assert ended == 0
    assert client.get(address).status_code == 302


def test_signing_out_ends_the_session(client: Client, idp: Provider) -> None:
    analyst()
    sign_in(client, idp)
    client.post("/dashboard/logout")

    assert client.get("/dashboard").status_code == 302
    assert not Session.objects.exists()


def test_a_target_elsewhere_is_not_followed(client: Client, idp: Provider) -> None:
    analyst()

    assert sign_in(client, idp, target="https://evil.example/").headers["Location"] == "/dashboard"


@pytest.mark.parametrize(
    "path", ["/accounts/signup/", "/accounts/login/", "/accounts/password/reset/", "/accounts/email/"]
)
def test_no_page_of_allauth_is_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404
