"""Addresses of the pages of exports, whole."""

from django.urls import path

from curation.views import exports

urlpatterns = [
    path(
        "projects/<slug:slug>/datasets/<slug:name>/<str:label>/exports/",
        exports.version_exports,
        name="version_exports",
    ),
    path("projects/<slug:slug>/exports/<int:export_id>/", exports.export, name="export"),
    path("projects/<slug:slug>/exports/<int:export_id>/download/", exports.export_download, name="export_download"),
    path(
        "projects/<slug:slug>/exports/<int:export_id>/assets/<slug:picture>.png",
        exports.export_picture,
        name="export_picture",
    ),
    path("projects/<slug:slug>/exports/<int:export_id>/cancel/", exports.export_cancel, name="export_cancel"),
    path("projects/<slug:slug>/exports/<int:export_id>/resume/", exports.export_resume, name="export_resume"),
    path("projects/<slug:slug>/exports/<int:export_id>/delete/", exports.export_delete, name="export_delete"),
]
