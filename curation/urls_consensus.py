"""Addresses of the pages of consensus: what votes add up to, what is to be repaired, and the table of one prompt."""

from django.urls import path

from curation.views import consensus, consensus_repair

urlpatterns = [
    path("projects/<slug:slug>/consensus/", consensus.consensus, name="consensus"),
    path("projects/<slug:slug>/consensus/repair/", consensus_repair.repair, name="consensus_repair"),
    path("projects/<slug:slug>/prompts/<int:prompt_id>/consensus/", consensus.of_prompt, name="prompt_consensus"),
]
