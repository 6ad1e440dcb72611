"""What the dashboard's port answers."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from dashboard.admin_signin import ThrottledLogin

admin.site.site_header = "Nexus administration"
admin.site.site_title = "Nexus"
admin.site.index_title = "Access and prices"
admin.site.site_url = None
admin.site.login_form = ThrottledLogin

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("", include("dashboard.urls")),
]
