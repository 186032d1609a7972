"""Addresses of the pages of evidence: machines tested against people."""

from django.urls import path

from curation.views import evidence

urlpatterns = [
    path("projects/<slug:slug>/evidence/", evidence.evidence, name="evidence"),
    path("projects/<slug:slug>/evidence/differences/", evidence.differences, name="evidence_differences"),
]
