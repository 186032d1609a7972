"""The addresses of the whole site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    # One door, with its brake on guessing, for everybody.
    path(
        "admin/login/",
        RedirectView.as_view(pattern_name="sign_in", query_string=True),
        name="admin_login",
    ),
    path("admin/", admin.site.urls),
    path("", include("annotation.urls")),
    path("", include("scoring.urls")),
    path("", include("curation.urls")),
]

handler403 = "curation.views.explain.forbidden"
handler404 = "curation.views.explain.not_found"
