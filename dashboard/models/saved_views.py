"""Pages with a filter, under a name."""

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Whoever signs in with DASHBOARD_API_KEY is no user: theirs are the views without an owner, which all share."""

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """Those that somebody may change."""
        return self.filter(owner=user.pk)

    def seen_by(self, user: User | AnonymousUser, *, is_bound: bool) -> Self:
        """Their own and all that are shared, by name. Names tell of domains, so who is bound to some sees their own alone."""
        own = Q(owner=user.pk) if user.is_authenticated else Q(pk__in=[])
        return self.filter(own if is_bound else own | Q(is_shared=True)).order_by("name", "id")


class SavedView(models.Model):
    """The address of a page under a name: which page, with which filter, columns and order. It opens what its reader may see.

    `query` is that of the address, without a place in a list. `owner` is null where it was saved with DASHBOARD_API_KEY; such a
    view is shared. With `is_default` the page opens so for its owner.
    """

    NAME_LENGTH, QUERY_LENGTH = 80, 2_000

    id = models.UUIDField(primary_key=True, default=uuid4)
    name = models.CharField(max_length=NAME_LENGTH)
    page = models.CharField(max_length=40)
    query = models.CharField(max_length=QUERY_LENGTH)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="saved_views")
    is_shared = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("page", "name"), name="saved_view_page"),)
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "page", "name"), name="saved_view_name", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(is_shared=True), name="saved_view_owned"
            ),
        )

    def __str__(self) -> str:
        return self.name
