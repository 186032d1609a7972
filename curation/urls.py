"""Addresses of this room: accounts and projects here, the rest with the pages it belongs to."""

from django.contrib.auth import views as auth
from django.urls import include, path

from curation import (
    urls_consensus,
    urls_datasets,
    urls_evidence,
    urls_exports,
    urls_hub,
    urls_importing,
    urls_prompt_tools,
)
from curation.views import accounts, groups, media, members, overview, parts, projects, prompts, samples

account_urls = [
    path("sign-in/", accounts.SignIn.as_view(), name="sign_in"),
    path("sign-out/", auth.LogoutView.as_view(), name="sign_out"),
    path("password/", accounts.PasswordChange.as_view(), name="password_change"),
    path("password/forgotten/", accounts.PasswordReset.as_view(), name="password_reset"),
    path("password/forgotten/sent/", accounts.PasswordResetSent.as_view(), name="password_reset_sent"),
    path("password/set/<uidb64>/<token>/", accounts.PasswordSet.as_view(), name="password_set"),
    path("people/", accounts.people_list, name="people"),
    path("people/<int:user_id>/deactivate/", accounts.deactivate, name="person_deactivate"),
    path("people/<int:user_id>/reactivate/", accounts.reactivate, name="person_reactivate"),
    path("people/<int:user_id>/invitation/", accounts.invitation, name="person_invitation"),
]

project_urls = [
    path("", overview.project, name="project"),
    path("prompts/", prompts.prompts, name="prompts"),
    path("prompts/<int:prompt_id>/", groups.prompt, name="prompt"),
    path("prompts/<int:prompt_id>/parts/", parts.of_prompt, name="prompt_parts"),
    path("samples/", samples.samples, name="samples"),
    path("samples/<int:sample_id>/", samples.sample, name="sample"),
    path("samples/<int:sample_id>/parts/", parts.of_sample, name="sample_parts"),
    path("members/", members.members, name="members"),
    path("members/<int:user_id>/role/", members.member_role, name="member_role"),
    path("members/<int:user_id>/remove/", members.member_remove, name="member_remove"),
    path("settings/", projects.settings, name="project_settings"),
    path("settings/guideline/", projects.guideline_add, name="guideline_add"),
    path("settings/criteria/", projects.criteria_set_add, name="criteria_set_add"),
    path("settings/archive/", projects.project_archive, name="project_archive"),
    path("settings/unarchive/", projects.project_unarchive, name="project_unarchive"),
    path("settings/delete/", projects.project_delete, name="project_delete"),
]

media_urls = [
    path("media/<uuid:address>/", media.media, name="media"),
    path("media/<uuid:address>/thumb/", media.thumbnail, name="media_thumbnail"),
    path("media/<uuid:address>/thumb/<int:size>/", media.thumbnail, name="media_thumbnail_of"),
    path("media/<uuid:address>/poster/", media.poster, name="media_poster"),
]

urlpatterns = [
    path("", projects.project_list, name="projects"),
    path("projects/new/", projects.project_new, name="project_new"),
    path("projects/<slug:slug>/", include(project_urls)),
    *account_urls,
    *media_urls,
    # The other pages of this room, each module with whole paths ("projects/<slug:slug>/imports/"):
    *urls_consensus.urlpatterns,
    *urls_datasets.urlpatterns,
    *urls_evidence.urlpatterns,
    *urls_exports.urlpatterns,
    *urls_hub.urlpatterns,
    *urls_importing.urlpatterns,
    *urls_prompt_tools.urlpatterns,
]
