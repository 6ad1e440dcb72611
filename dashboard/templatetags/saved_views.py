"""The saved views of a page, for its filter bar."""

from dataclasses import dataclass

from django import template

from dashboard.models import SavedView

register = template.Library()
MOST_OWNED = 50
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Saved:
    """`owner` may change those with the same one; None is whoever has the dashboard's key."""

    views: list[SavedView]
    owner: int | None
    is_user: bool
    is_full: bool


@register.simple_tag(takes_context=True)
def saved_views(context: template.Context) -> Saved:
    """What the reader of a page sees of them."""
    user, here = context["request"].user, context["here"]
    views = list(SavedView.objects.seen_by(user).filter(page=here.name)[:MOST_SHOWN])
    is_full = SavedView.objects.owned_by(user).count() >= MOST_OWNED
    return Saved(views, user.pk, user.is_authenticated, is_full)
