"""The saved views of a page, for its filter bar."""

from dataclasses import dataclass

from django import template
from django.db.models import Q

from dashboard import reading
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
    # One question for both: those of the page, and how many somebody has on all pages.
    seen = SavedView.objects.seen_by(user, is_bound=reading.is_bound())
    known = seen.filter(Q(page=here.name) | Q(owner=user.pk))[: MOST_SHOWN + MOST_OWNED]
    views = [view for view in known if view.page == here.name]
    is_full = sum(view.owner_id == user.pk for view in known) >= MOST_OWNED
    return Saved(views, user.pk, user.is_authenticated, is_full)
