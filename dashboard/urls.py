"""Addresses of the dashboard, those of the predecessor kept (docs/predecessor.md#dashboard)."""

from django.urls import path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from dashboard.access.oidc import views as oidc
from dashboard.api import health
from dashboard.api.registry import api
from dashboard.pages import registry
from dashboard.pages.invitation.view import accept
from dashboard.pages.login.view import logout
from dashboard.pages.overview.welcome import dismiss

urlpatterns = [
    path("", require_safe(RedirectView.as_view(pattern_name="overview")), name="home"),
    *registry.urls(),
    path("dashboard/logout", logout, name="logout"),
    path("dashboard/invitation/accept", accept, name="invitation-accept"),
    path("dashboard/welcome/dismiss", dismiss, name="welcome-dismiss"),
    path("dashboard/oidc/login", oidc.begin, name="oidc-login"),
    path("dashboard/oidc/callback", oidc.callback, name="oidc-callback"),
    path("health", health.health, name="health-service"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/live", health.live, name="health-live"),
    path("api/", api.urls),
]
