"""Addresses of the pages of recipes and datasets, whole."""

from django.urls import path

from curation.views import datasets, recipes

_VERSION = "projects/<slug:slug>/datasets/<slug:name>/<str:label>/"

urlpatterns = [
    path("projects/<slug:slug>/recipes/", recipes.recipe_list, name="recipes"),
    path("projects/<slug:slug>/recipes/new/", recipes.recipe_new, name="recipe_new"),
    path("projects/<slug:slug>/recipes/preview/", recipes.recipe_preview, name="recipe_preview"),
    path("projects/<slug:slug>/recipes/<int:recipe_id>/", recipes.recipe, name="recipe"),
    path("projects/<slug:slug>/recipes/<int:recipe_id>/build/", recipes.recipe_build, name="recipe_build"),
    path("projects/<slug:slug>/datasets/", datasets.dataset_list, name="datasets"),
    path("projects/<slug:slug>/builds/<int:job_id>/", datasets.build, name="build"),
    path(_VERSION, datasets.dataset_version, name="dataset_version"),
    path(f"{_VERSION}verify/", datasets.dataset_verify, name="dataset_verify"),
    path(f"{_VERSION}download/<slug:table>/", datasets.dataset_download, name="dataset_download"),
]
