from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Pages, API and live updates."""

    name = "dashboard"
    verbose_name = "Dashboard"
