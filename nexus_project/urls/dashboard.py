"""What the dashboard's port answers."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from dashboard.access.admin_signin import ThrottledLogin, login, may_enter

admin.site.site_header = "Nexus administration"
admin.site.site_title = "Nexus"
admin.site.index_title = "Access and prices"
admin.site.site_url = None
admin.site.enable_nav_sidebar = False  # the dashboard's navigation stands there
admin.site.login_form = ThrottledLogin
admin.site.has_permission = may_enter  # type: ignore[method-assign]  # of the one site that there is

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/login/", login),  # before the admin's own, which answers 200 to whoever has to wait
    path("admin/", admin.site.urls),
    path("", include("dashboard.urls")),
]
