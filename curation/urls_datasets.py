"""Addresses of the pages of recipes and datasets, whole."""

from django.urls import path

from curation.views import (
    benchmarks,
    comparing,
    datasets,
    gate,
    lineage,
    recipe_compare,
    recipe_preview,
    recipes,
    requests,
    takedowns,
)

_VERSION = "projects/<slug:slug>/datasets/<slug:name>/<str:label>/"

urlpatterns = [
    path("projects/<slug:slug>/recipes/", recipes.recipe_list, name="recipes"),
    path("projects/<slug:slug>/recipes/new/", recipes.recipe_new, name="recipe_new"),
    path("projects/<slug:slug>/recipes/preview/", recipe_preview.recipe_preview, name="recipe_preview"),
    path("projects/<slug:slug>/recipes/exactly/", recipe_preview.recipe_exact, name="recipe_exact"),
    path(
        "projects/<slug:slug>/recipes/exactly/<int:preview_id>/",
        recipe_preview.recipe_exact_answer,
        name="recipe_exact_answer",
    ),
    path("projects/<slug:slug>/recipes/compare/", recipe_compare.recipe_compare, name="recipe_compare"),
    path("projects/<slug:slug>/recipes/request/", requests.recipe_request, name="recipe_request"),
    path("projects/<slug:slug>/requests/", requests.asking_list, name="askings"),
    path("projects/<slug:slug>/requests/<int:asking_id>/", requests.asking, name="asking"),
    path("projects/<slug:slug>/recipes/<int:recipe_id>/", recipes.recipe, name="recipe"),
    path("projects/<slug:slug>/recipes/<int:recipe_id>/build/", recipes.recipe_build, name="recipe_build"),
    path("projects/<slug:slug>/datasets/", datasets.dataset_list, name="datasets"),
    path("projects/<slug:slug>/builds/<int:job_id>/", datasets.build, name="build"),
    path("benchmarks/", benchmarks.every_benchmark, name="every_benchmark"),
    path("projects/<slug:slug>/benchmarks/", benchmarks.benchmark_list, name="benchmarks"),
    path(
        "projects/<slug:slug>/benchmarks/<slug:benchmark>/<int:benchmark_number>/",
        benchmarks.benchmark,
        name="benchmark",
    ),
    path("projects/<slug:slug>/withdrawals/", takedowns.withdrawal_list, name="withdrawals"),
    path("projects/<slug:slug>/withdrawals/<int:withdrawal_id>/", takedowns.withdrawal, name="withdrawal"),
    path("projects/<slug:slug>/takedown/<slug:subject>/<str:subject_id>/", takedowns.takedown, name="takedown"),
    path(_VERSION, datasets.dataset_version, name="dataset_version"),
    path("projects/<slug:slug>/pairs/", lineage.find_pair, name="find_pair"),
    path(f"{_VERSION}compare/", comparing.compare, name="compare_versions"),
    path(f"{_VERSION}pairs/<str:pair_id>/", lineage.pair, name="pair"),
    path(f"{_VERSION}gate/", gate.gate, name="gate"),
    path(f"{_VERSION}gate/examine/", gate.gate_examine, name="gate_examine"),
    path(f"{_VERSION}gate/<slug:code>/", gate.gate_rows, name="gate_rows"),
    path(f"{_VERSION}gate/<slug:code>/waive/", gate.gate_waive, name="gate_waive"),
    path(f"{_VERSION}gate/<slug:code>/take-back/", gate.gate_take_back, name="gate_take_back"),
    path(f"{_VERSION}minor/", datasets.dataset_minor, name="dataset_minor"),
    path(f"{_VERSION}verify/", datasets.dataset_verify, name="dataset_verify"),
    path(f"{_VERSION}download/<slug:table>/", datasets.dataset_download, name="dataset_download"),
]
