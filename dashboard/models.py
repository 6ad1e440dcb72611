"""What people may see of the traffic, and whether they may stop it: permissions that an operator gives in the admin."""

from django.db import models


class Traffic(models.Model):
    """No table: Django keeps permissions by model, and the record itself belongs to another app."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("view_figures", "Can see the dashboard: figures, lists, live requests, limits"),
            ("read_bodies", "Can read requests and responses: conversations, headers, exact bytes"),
            ("stop_streams", "Can stop requests under way and whole sessions"),
        )

    def __str__(self) -> str:
        return "traffic"
