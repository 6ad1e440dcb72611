"""Addresses of the dashboard, those of the predecessor kept (docs/predecessor.md#dashboard)."""

from django.urls import path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from dashboard.api import health
from dashboard.api.registry import api
from dashboard.pages import registry
from dashboard.pages.login.view import logout

urlpatterns = [
    path("", require_safe(RedirectView.as_view(pattern_name="overview")), name="home"),
    *registry.urls(),
    path("dashboard/logout", logout, name="logout"),
    path("health", health.health, name="health-service"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/live", health.live, name="health-live"),
    path("api/", api.urls),
]
