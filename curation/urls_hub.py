"""Addresses of the pages of publications and of the tokens of the Hub, whole."""

from django.urls import path

from curation.views import hub_tokens, publishing

urlpatterns = [
    path("hub-tokens/", hub_tokens.hub_tokens, name="hub_tokens"),
    path("hub-tokens/<int:token_id>/delete/", hub_tokens.hub_token_delete, name="hub_token_delete"),
    path("projects/<slug:slug>/exports/<int:export_id>/publish/", publishing.export_publish, name="export_publish"),
    path("projects/<slug:slug>/publications/<int:publication_id>/", publishing.publication, name="publication"),
    path(
        "projects/<slug:slug>/publications/<int:publication_id>/go/", publishing.publication_go, name="publication_go"
    ),
    path(
        "projects/<slug:slug>/publications/<int:publication_id>/cancel/",
        publishing.publication_cancel,
        name="publication_cancel",
    ),
    path(
        "projects/<slug:slug>/publications/<int:publication_id>/resume/",
        publishing.publication_resume,
        name="publication_resume",
    ),
]
