"""People: their own page, how they come in, what they agree to, what they are told."""

from django.urls import path

from annotation.views import consent, guideline, home, invitations

_PROJECT = "projects/<slug:slug>/"

urlpatterns = [
    path(f"{_PROJECT}work/", home.work, name="work"),
    path(f"{_PROJECT}invitations/", invitations.invitation_list, name="invitations"),
    path(f"{_PROJECT}invitations/<int:invitation_id>/revoke/", invitations.invitation_revoke, name="invitation_revoke"),
    path("join/<str:secret>/", invitations.join, name="join"),
    path(f"{_PROJECT}consent/", consent.consent, name="consent"),
    path(f"{_PROJECT}consent/texts/", consent.consent_texts, name="consent_texts"),
    path(f"{_PROJECT}guideline/", guideline.guideline, name="guideline"),
    path(f"{_PROJECT}guideline/edit/", guideline.guideline_edit, name="guideline_edit"),
    path(f"{_PROJECT}guideline/again/", guideline.guideline_again, name="guideline_again"),
]
