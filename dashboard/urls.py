"""Addresses of the dashboard, those of the predecessor kept (docs/predecessor.md#dashboard)."""

from django.urls import path

from dashboard.api import health
from dashboard.api.endpoints import api
from dashboard.pages import lists as pages
from dashboard.pages import signin

urlpatterns = [
    path("", pages.home, name="home"),
    path("dashboard", pages.overview, name="overview"),
    path("dashboard/overview-fragment", pages.overview_fragment, name="overview-fragment"),
    path("dashboard/requests", pages.requests, name="requests"),
    path("dashboard/request/<uuid:exchange_id>", pages.exchange, name="exchange"),
    path("dashboard/usage", pages.usage, name="usage"),
    path("dashboard/limits", pages.limits, name="limits"),
    path("dashboard/login", signin.login, name="login"),
    path("dashboard/logout", signin.logout, name="logout"),
    path("health", health.health, name="health"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/live", health.live, name="health-live"),
    path("api/", api.urls),
]
