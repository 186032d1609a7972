"""Projects and their members: making, settings, archive, the end; the overview's numbers."""

import re
from html import unescape

import pytest
from django.urls import reverse

from curation.actions import criteria, judgements, projects
from curation.actions.judgements import Act, NewFlag
from curation.models import CriteriaSet, Job, Judgement, Membership, Project, Score
from tests import factories
from tests.curation.pages.scene import scene

pytestmark = pytest.mark.django_db


def _words(answer) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


@pytest.fixture
def project() -> Project:
    return factories.project("boats", name="Boats")


@pytest.fixture
def boss(client, project):
    user = factories.member(project, "admin", "boss")
    client.force_login(user)
    return user


def test_whoever_makes_a_project_is_its_admin(client) -> None:
    user = factories.user("rosa")
    client.force_login(user)

    answer = client.post(reverse("project_new"), {"name": "Signs & seas", "task": "text-to-image"})

    made = Project.objects.get()
    assert answer["Location"] == reverse("project", args=[made.slug])
    assert made.slug == "signs-seas"
    assert Membership.objects.get(project=made).user == user
    assert Membership.objects.get(project=made).role == "admin"


def test_the_list_shows_own_projects_only_and_archived_ones_apart(client, project, boss) -> None:
    factories.project("elsewhere", name="Elsewhere")
    client.post(reverse("project_archive", args=["boats"]))

    assert "Boats" not in _words(client.get(reverse("projects"))).replace("Boats is archived", "")
    assert "Boats" in _words(client.get(reverse("projects") + "?archived=1"))
    assert "Elsewhere" not in _words(client.get(reverse("projects") + "?archived=1"))


def test_an_archived_project_is_read_and_not_changed_until_it_comes_back(client, project, boss) -> None:
    client.post(reverse("project_archive", args=["boats"]))

    assert client.get(reverse("prompts", args=["boats"])).status_code == 200
    refused = client.post(reverse("guideline_add", args=["boats"]), {"text": "Look."})
    assert refused.status_code == 400
    assert "Boats is archived" in _words(refused)
    client.post(reverse("project_unarchive", args=["boats"]))
    assert client.post(reverse("guideline_add", args=["boats"]), {"text": "Look."}).status_code == 302


def test_deleting_asks_for_the_name_and_takes_everything_that_hangs_on_it(client, project, boss) -> None:
    made = scene(3, slug="ships")
    Membership.objects.create(project=made.project, user=boss, role="admin")
    address = reverse("project_delete", args=["ships"])

    assert "samples 3" in _words(client.get(address))
    refused = client.post(address, {"confirm": "ships"})
    assert "That is not the name" in _words(refused)
    client.post(address, {"confirm": "Ships"})

    assert not Project.objects.filter(slug="ships").exists()
    assert not Score.objects.exists()
    assert not Judgement.objects.exists()
    assert Project.objects.filter(slug="boats").exists()


def test_settings_are_saved(client, project, boss) -> None:
    client.post(
        reverse("project_settings", args=["boats"]), {"name": "Boats 2", "description": "x", "licence": "CC0-1.0"}
    )

    project.refresh_from_db()
    assert (project.name, project.description, project.licence) == ("Boats 2", "x", "CC0-1.0")


def test_a_guideline_is_added_in_versions_and_the_older_stay(client, project, boss) -> None:
    for text in ("Look at all of it.", "Look at the words first."):
        client.post(reverse("guideline_add", args=["boats"]), {"text": text})

    words = _words(client.get(reverse("project_settings", args=["boats"])))
    project.refresh_from_db()
    assert project.guideline.number == 2
    assert "Look at all of it." in words
    assert "Look at the words first." in words


def test_criteria_are_added_in_versions_of_two_levels(client, project, boss) -> None:
    lines = "\n".join(
        ["overall | Overall | Which?", "alignment | Alignment | Does it show it?", "  text | Text | Is it spelt right?"]
    )

    client.post(reverse("criteria_set_add", args=["boats"]), {"name": "Standard", "criteria": lines})
    client.post(reverse("criteria_set_add", args=["boats"]), {"name": "Standard", "criteria": lines})

    project.refresh_from_db()
    first, second = CriteriaSet.objects.filter(project=project, name="Standard").order_by("number")
    assert project.criteria_set == second
    shown = _words(client.get(reverse("project_settings", args=["boats"])))
    assert re.search(r"Overall v\d.*Alignment v\d.*└ Text v\d", shown)
    items = {item.criterion_version.criterion.key: item for item in second.items.all()}
    assert items["text"].parent == items["alignment"]
    assert items["alignment"].parent is None
    # Nothing changed between the two, so they share every version of a criterion.
    assert [i.criterion_version_id for i in first.items.all()] == [i.criterion_version_id for i in second.items.all()]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [("two words | x", "a key is one word"), ("a | A\na | B", "stands there twice"), ("", "required")],
)
def test_criteria_that_cannot_be_read_are_refused_at_their_line(client, project, boss, lines, reason) -> None:
    answer = client.post(reverse("criteria_set_add", args=["boats"]), {"name": "Standard", "criteria": lines})

    assert answer.status_code == 400
    assert reason in _words(answer)


def test_members_are_added_by_name_or_mail_changed_and_removed(client, project, boss) -> None:
    rosa, ines = factories.user("rosa"), factories.user("ines")
    members = reverse("members", args=["boats"])

    client.post(members, {"person": "rosa", "role": "curator"})
    client.post(members, {"person": "INES@example.org", "role": "viewer"})
    client.post(reverse("member_role", args=["boats", ines.pk]), {"role": "annotator"})
    client.post(reverse("member_remove", args=["boats", rosa.pk]))

    assert dict(project.memberships.values_list("user__username", "role")) == {"boss": "admin", "ines": "annotator"}


def test_somebody_without_an_account_cannot_be_added(client, project, boss) -> None:
    factories.user("gone", is_active=False)

    for name in ("nobody", "gone", ""):
        answer = client.post(reverse("members", args=["boats"]), {"person": name, "role": "viewer"})
        assert answer.status_code == 200
    assert project.memberships.count() == 1


def test_the_last_admin_can_neither_leave_nor_step_down(client, project, boss) -> None:
    client.post(reverse("member_remove", args=["boats", boss.pk]))
    answer = client.post(reverse("member_role", args=["boats", boss.pk]), {"role": "viewer"}, follow=True)

    assert "only admin" in _words(answer)
    assert project.memberships.get().role == "admin"


def test_a_role_that_does_not_exist_is_refused(client, project, boss) -> None:
    assert client.post(reverse("member_role", args=["boats", boss.pk]), {"role": "king"}).status_code == 400


def test_the_funnel_counts_what_is_there(client) -> None:
    made = scene(4)
    factories.prompt(made.project, "unanswered")
    client.force_login(factories.member(made.project, "viewer"))

    words = _words(client.get(reverse("project", args=["boats"])))

    assert "2 prompts 1 without a sample" in words
    assert "4 samples 2.0 a prompt" in words
    assert "4 samples scored 100 % of 4" in words
    # One pair, compared by a person and by a script: it counts as judged by people.
    assert "1 pairs judged 100 % by people" in words
    assert "0 pairs in a version no version yet" in words


def test_scripted_verdicts_are_not_counted_as_people(client) -> None:
    made = scene(4)
    judgements.retract(
        judgements=[Judgement.objects.get(rater=made.person, act="compare")], reason="retracted", by=None
    )
    client.force_login(factories.member(made.project, "viewer"))

    assert "0 % by people · 100 % scripted" in _words(client.get(reverse("project", args=["boats"])))


def test_what_needs_a_person_is_listed_with_where_to_go(client) -> None:
    made = scene(4)
    flags = [NewFlag(made.samples[0].pk, "unsafe"), NewFlag(made.samples[0].pk, "broken")]
    judgements.record(project=made.project, acts=[Act(made.person.pk, "flag", flags=flags)])
    client.force_login(factories.member(made.project, "viewer"))

    answer = client.get(reverse("project", args=["boats"]))

    assert "1 sample flagged unsafe" in _words(answer)
    assert "?flagged=unsafe" in answer.content.decode()


def test_a_running_job_asks_again_until_it_is_done(client, project, boss) -> None:
    job = Job.objects.create(project=project, kind="score", title="sharpness over 10 samples", total=10, done=4)
    address = reverse("project", args=["boats"]) + "?part=running"

    waiting = client.get(address).content.decode()
    Job.objects.filter(pk=job.pk).update(state="done", finished_at=project.created_at)
    done = client.get(address).content.decode()

    assert 'hx-trigger="every 2s"' in waiting
    assert "waits for a worker" in waiting
    assert "hx-trigger" not in done
    assert "Nothing runs." in done


def test_annotators_find_their_own_page_with_the_guideline_and_nothing_else(client, project) -> None:
    criteria.add_guideline(project=project, text="Look at all of it.")
    client.force_login(factories.member(project, "annotator"))

    answer = client.get(reverse("project", args=["boats"]), follow=True)

    assert "There is nothing to judge yet" in _words(answer)
    assert "Look at all of it." in _words(client.get(reverse("guideline", args=["boats"])))
    assert reverse("prompts", args=["boats"]) not in answer.content.decode()


def test_the_list_of_projects_costs_the_same_queries_for_two_and_for_twenty(client, django_assert_num_queries) -> None:
    boss = factories.user("boss", is_superuser=True)
    client.force_login(boss)
    projects.create(name="one", by=boss)
    client.get(reverse("projects"))
    with django_assert_num_queries(5):
        client.get(reverse("projects"))
    for number in range(20):
        projects.create(name=f"project {number}", by=boss)

    with django_assert_num_queries(5):
        client.get(reverse("projects"))


def test_members_cost_the_same_queries_for_two_and_for_twenty(client, project, boss, django_assert_num_queries) -> None:
    address = reverse("members", args=["boats"])
    client.get(address)
    with django_assert_num_queries(5):
        client.get(address)
    for _ in range(20):
        factories.member(project, "viewer")

    with django_assert_num_queries(5):
        client.get(address)
