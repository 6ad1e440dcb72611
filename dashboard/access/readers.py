"""Which reader somebody is who was let in: a user or a program of theirs, with the domains of their groups, or who has the key."""

from collections.abc import Set

from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db.models import Exists, OuterRef

from dashboard.models import ApiToken
from dashboard.reading import Reader

KEY = "DASHBOARD_API_KEY"
# The permission that each scope of a token stands for.
RIGHTS = {
    ApiToken.Scope.FIGURES.value: "dashboard.view_figures",
    ApiToken.Scope.BODIES.value: "dashboard.read_bodies",
}


def of_key(user: User | AnonymousUser) -> Reader:
    """Whoever has the key, by the name of the user where there is one."""
    return Reader(user.get_username() or KEY)


def of_user(user: User | AnonymousUser) -> Reader:
    """Somebody with permissions of their own."""
    return Reader(user.get_username(), patterns_of(user))


def of_token(token: ApiToken) -> Reader:
    """A program, which sees the domains of its owner."""
    return Reader(token.owner.get_username(), patterns_of(token.owner), str(token))


def may(token: ApiToken, rights: Set[str]) -> bool:
    """Whether a token has the scopes for these permissions, and its owner the permissions."""
    return rights <= {RIGHTS[scope] for scope in token.scopes} and token.owner.has_perms(rights)


def patterns_of(user: User | AnonymousUser) -> frozenset[str] | None:
    """The domains of the groups that are bound; None, which is all, where none is, and where another group grants the figures."""
    if user.is_superuser:
        return None
    granted = Permission.objects.filter(
        group=OuterRef("pk"), content_type__app_label="dashboard", codename="view_figures"
    )
    groups = list(user.groups.annotate(grants=Exists(granted)).values_list("bound_to__names", "grants"))
    bound = [names for names, _ in groups if names is not None]
    if not bound or any(grants and names is None for names, grants in groups):
        return None
    return frozenset(name for names in bound for name in names)
