from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete, post_save


class DashboardConfig(AppConfig):
    """Pages, API and live updates."""

    name = "dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        import dashboard.access.checks  # noqa: F401 - it registers itself
        from dashboard.access import sign_ins  # needs the models, as those below
        from dashboard.access.sessions import user_changed
        from dashboard.audit import recording

        recording.connect()
        sign_ins.connect()

        for signal in (post_save, post_delete):
            signal.connect(
                user_changed, sender=settings.AUTH_USER_MODEL, dispatch_uid="dashboard.access.sessions"
            )
