"""Addresses of the tools on prompts, whole."""

from django.urls import path

from curation.views import prompt_constraints, prompt_coverage, prompt_tools

urlpatterns = [
    path("projects/<slug:slug>/prompts/coverage/", prompt_coverage.coverage, name="prompt_coverage"),
    path("projects/<slug:slug>/prompts/tools/", prompt_tools.tools, name="prompt_tools"),
    path("projects/<slug:slug>/prompts/tools/contrasts/", prompt_tools.contrasts_make, name="prompt_contrasts_make"),
    path("projects/<slug:slug>/prompts/tools/files/", prompt_tools.file_take, name="prompt_file_take"),
    path("projects/<slug:slug>/prompts/<int:prompt_id>/wordings/", prompt_tools.wording_add, name="prompt_wording_add"),
    path(
        "projects/<slug:slug>/prompts/<int:prompt_id>/constraints/",
        prompt_constraints.constraints,
        name="prompt_constraints",
    ),
    path(
        "projects/<slug:slug>/samples/<int:sample_id>/constraints/",
        prompt_constraints.answer,
        name="sample_constraints",
    ),
]
