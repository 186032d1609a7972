"""Addresses of the pages that import."""

from django.urls import path

from curation.views import importing

urlpatterns = [
    path("projects/<slug:slug>/imports/", importing.imports, name="imports"),
    path("projects/<slug:slug>/imports/<int:import_id>/", importing.detail, name="import"),
    path("projects/<slug:slug>/imports/<int:import_id>/again/", importing.look_again, name="import_look_again"),
    path("projects/<slug:slug>/imports/<int:import_id>/start/", importing.start, name="import_start"),
    path("projects/<slug:slug>/imports/<int:import_id>/cancel/", importing.cancel, name="import_cancel"),
    path("projects/<slug:slug>/imports/<int:import_id>/resume/", importing.resume, name="import_resume"),
    path("projects/<slug:slug>/imports/<int:import_id>/refusals.csv", importing.refusals, name="import_refusals"),
    path(
        "projects/<slug:slug>/imports/<int:import_id>/preview/<int:number>/",
        importing.thumbnail,
        name="import_thumbnail",
    ),
]
