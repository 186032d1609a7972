"""Every address of the site, as every kind of visitor, by every method: who may, and nobody else.

An address that is not declared in `RULES` fails here, so nobody adds a page without saying who may open it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from annotation.actions import invitations
from annotation.models import Answer, Assignment, Batch, Invitation, Item, Review, Slot
from curation.actions import (
    benchmarks,
    ensemble_making,
    gating,
    importing,
    judgements,
    raters,
    version_files,
    withdrawals,
)
from curation.models import Asking, Export, HubToken, Job, Membership, Project, Publication, Rater, Sample, User
from curation.rewards.plan import parse_ensemble
from scoring.actions import rubrics
from scoring.actions.judging import judges
from scoring.actions.rubrics import Wish
from scoring.actions.serving import tokens as service_tokens
from scoring.models import JudgeCall, Look, ProbeAnswer, ProbeRun, Rubric
from tests import factories
from tests.curation.exports import frozen
from tests.curation.media import drawn
from tests.scoring import bare_head

VISITORS = ("superuser", "admin", "curator", "viewer", "annotator", "other", "stranger", "deactivated")

ANYBODY = frozenset(VISITORS)
SIGNED_IN = ANYBODY - {"stranger", "deactivated"}
MEMBERS = SIGNED_IN - {"other"}
READERS = MEMBERS - {"annotator"}
EDITORS = READERS - {"viewer"}
MANAGERS = EDITORS - {"curator"}
SUPERUSERS = frozenset({"superuser"})


@dataclass(frozen=True)
class Rule:
    """Who may read an address and who may send to it; None where the method is not offered to anybody.

    `is_empty_here`: this test's world has nothing at the address, so that those who may read it find nothing, and the
    others are turned away before they learn that.
    """

    read: frozenset[str] | None
    write: frozenset[str] | None = None
    is_empty_here: bool = False


RULES: dict[str, Rule] = {
    # -- the installation
    "healthz": Rule(ANYBODY),
    "admin_login": Rule(ANYBODY, ANYBODY),
    # -- accounts
    "sign_in": Rule(ANYBODY, ANYBODY),
    "sign_out": Rule(None, ANYBODY),
    "password_change": Rule(SIGNED_IN, SIGNED_IN),
    "password_reset": Rule(ANYBODY, ANYBODY),
    "password_reset_sent": Rule(ANYBODY),
    "password_set": Rule(ANYBODY, ANYBODY),
    "people": Rule(SUPERUSERS, SUPERUSERS),
    "person_deactivate": Rule(None, SUPERUSERS),
    "person_reactivate": Rule(None, SUPERUSERS),
    "person_invitation": Rule(None, SUPERUSERS),
    # -- projects
    "projects": Rule(SIGNED_IN),
    "project_new": Rule(SIGNED_IN, SIGNED_IN),
    "project": Rule(MEMBERS),
    "project_settings": Rule(READERS, MANAGERS),
    "guideline_add": Rule(None, MANAGERS),
    "criteria_set_add": Rule(None, MANAGERS),
    "project_archive": Rule(None, MANAGERS),
    "project_unarchive": Rule(None, MANAGERS),
    "project_delete": Rule(MANAGERS, MANAGERS),
    "members": Rule(READERS, MANAGERS),
    "member_role": Rule(None, MANAGERS),
    "member_remove": Rule(None, MANAGERS),
    # -- prompts and samples
    "prompts": Rule(READERS),
    "prompt": Rule(READERS),
    "prompt_coverage": Rule(READERS, EDITORS),
    "prompt_tools": Rule(READERS),
    "prompt_contrasts_make": Rule(None, EDITORS),
    "prompt_file_take": Rule(None, EDITORS),
    "prompt_wording_add": Rule(None, EDITORS),
    "prompt_constraints": Rule(READERS, EDITORS),
    "sample_constraints": Rule(EDITORS, EDITORS),
    "samples": Rule(READERS),
    "sample": Rule(READERS),
    "prompt_parts": Rule(READERS),
    "sample_parts": Rule(READERS),
    "media": Rule(MEMBERS),
    "media_thumbnail": Rule(MEMBERS),
    "media_thumbnail_of": Rule(MEMBERS),
    "media_poster": Rule(MEMBERS),
    # -- imports
    "imports": Rule(EDITORS, EDITORS),
    "import": Rule(EDITORS),
    "import_start": Rule(None, EDITORS),
    "import_cancel": Rule(None, EDITORS),
    "import_resume": Rule(None, EDITORS),
    "import_look_again": Rule(None, EDITORS),
    "import_refusals": Rule(EDITORS),
    "import_thumbnail": Rule(EDITORS, is_empty_here=True),
    # -- exports
    "version_exports": Rule(READERS, EDITORS),
    "export": Rule(READERS),
    "export_download": Rule(READERS),
    "export_cancel": Rule(None, EDITORS),
    "export_resume": Rule(None, EDITORS),
    "export_delete": Rule(None, EDITORS),
    "export_picture": Rule(READERS, is_empty_here=True),
    # -- the Hub
    "hub_tokens": Rule(SIGNED_IN, SIGNED_IN),
    "hub_token_delete": Rule(None, SUPERUSERS),
    "export_publish": Rule(EDITORS, EDITORS),
    "publication": Rule(READERS),
    "publication_go": Rule(None, EDITORS),
    "publication_cancel": Rule(None, EDITORS),
    "publication_resume": Rule(None, EDITORS),
    # -- evidence
    "evidence": Rule(READERS),
    "evidence_differences": Rule(READERS),
    "consensus": Rule(READERS),
    "consensus_repair": Rule(READERS, EDITORS),
    "prompt_consensus": Rule(READERS),
    # -- recipes and datasets
    "recipes": Rule(READERS),
    "recipe_new": Rule(EDITORS, EDITORS),
    "recipe_preview": Rule(None, EDITORS),
    "recipe_exact": Rule(None, EDITORS),
    "recipe_exact_answer": Rule(EDITORS),
    "recipe_compare": Rule(EDITORS, EDITORS),
    "recipe_request": Rule(None, EDITORS),
    "askings": Rule(READERS),
    "asking": Rule(READERS, EDITORS),
    "recipe": Rule(READERS, EDITORS),
    "recipe_build": Rule(None, EDITORS),
    "datasets": Rule(READERS),
    "build": Rule(READERS),
    "dataset_version": Rule(READERS),
    "dataset_verify": Rule(None, EDITORS),
    "gate": Rule(READERS),
    "gate_rows": Rule(READERS),
    "gate_examine": Rule(None, EDITORS),
    "gate_waive": Rule(None, EDITORS),
    "gate_take_back": Rule(None, EDITORS),
    "dataset_download": Rule(READERS),
    "dataset_minor": Rule(None, EDITORS),
    "compare_versions": Rule(READERS),
    "find_pair": Rule(READERS),
    "pair": Rule(READERS),
    # -- withdrawals and benchmarks
    "withdrawals": Rule(READERS),
    "withdrawal": Rule(READERS),
    "takedown": Rule(EDITORS, EDITORS),
    "every_benchmark": Rule(SIGNED_IN),
    "benchmarks": Rule(READERS, EDITORS),
    "benchmark": Rule(READERS),
    # -- batches
    "batches": Rule(READERS),
    "batch_new": Rule(EDITORS, EDITORS),
    "batch": Rule(READERS),
    "batch_questions": Rule(READERS, EDITORS),
    "batch_redraw": Rule(EDITORS, EDITORS),
    "batch_settings": Rule(EDITORS, EDITORS),
    "batch_preview": Rule(READERS),
    "batch_gold": Rule(EDITORS, EDITORS),
    "batch_gold_item": Rule(EDITORS, EDITORS),
    "batch_gold_remove": Rule(None, EDITORS),
    "batch_step": Rule(None, EDITORS),
    "batch_extend": Rule(None, EDITORS),
    "batch_delete": Rule(None, EDITORS),
    # -- how a batch comes along, and every vote of it
    "batch_progress": Rule(READERS),
    "batch_quality": Rule(READERS),
    "batch_votes": Rule(READERS),
    "batch_item": Rule(READERS),
    "batch_download": Rule(READERS),
    "rater_pause": Rule(None, MANAGERS),
    "rater_trust": Rule(None, MANAGERS),
    # -- looking over what people said
    "batch_disagreements": Rule(READERS, EDITORS),
    "batch_drafts": Rule(READERS, EDITORS),
    "batch_reviews": Rule(READERS),
    "review_next": Rule(EDITORS),
    "review": Rule(EDITORS, EDITORS),
    # -- the end of a consent
    "consent_withdraw": Rule(MEMBERS, MEMBERS),
    "consent_data": Rule(MEMBERS),
    "rater_withdraw": Rule(MANAGERS, MANAGERS),
    "rater_data": Rule(MANAGERS),
    # -- people
    "work": Rule(MEMBERS),
    "invitations": Rule(MANAGERS, MANAGERS),
    "invitation_revoke": Rule(None, MANAGERS),
    "join": Rule(ANYBODY, ANYBODY),
    "consent": Rule(MEMBERS, MEMBERS),
    "consent_texts": Rule(MANAGERS, MANAGERS),
    "guideline": Rule(MEMBERS),
    "guideline_edit": Rule(MANAGERS, MANAGERS),
    "guideline_again": Rule(EDITORS, EDITORS),
    # -- one's own work; the items of others are not found
    "annotate": Rule(MEMBERS),
    "annotate_lease": Rule(None, MEMBERS),
    "annotate_answer": Rule(None, MEMBERS),
    "annotate_skip": Rule(None, MEMBERS),
    "annotate_history": Rule(MEMBERS),
    "annotate_item": Rule(MEMBERS, is_empty_here=True),
    "annotate_media": Rule(MEMBERS, is_empty_here=True),
    # -- scorers and jobs
    "scorers": Rule(READERS),
    "arrival_scorers": Rule(None, EDITORS),
    "scorer_try": Rule(None, EDITORS),
    "scorer": Rule(READERS),
    "machine_standing": Rule(None, EDITORS),
    "scorer_probe": Rule(None, EDITORS),
    "probes_read": Rule(None, EDITORS),
    "probe_picture": Rule(READERS),
    "side_by_side": Rule(READERS),
    "side_by_side_somewhere": Rule(READERS),
    "score": Rule(EDITORS, EDITORS),
    "rubrics": Rule(READERS),
    "rubric_new": Rule(EDITORS, EDITORS),
    "rubric": Rule(READERS),
    "rubric_learn": Rule(None, EDITORS),
    "ensembles": Rule(READERS),
    "ensemble_new": Rule(EDITORS, EDITORS),
    "route": Rule(EDITORS, EDITORS),
    "ensemble": Rule(READERS),
    "ensemble_run": Rule(None, EDITORS),
    "service_tokens": Rule(MANAGERS, MANAGERS),
    "service_token_revoke": Rule(None, MANAGERS),
    "heads": Rule(READERS),
    "head_new": Rule(EDITORS, EDITORS),
    "head": Rule(READERS),
    "head_again": Rule(None, EDITORS),
    "head_score": Rule(None, EDITORS),
    "jobs": Rule(READERS),
    "job": Rule(READERS),
    "job_failures": Rule(READERS),
    "job_cancel": Rule(None, EDITORS),
    "job_resume": Rule(None, EDITORS),
    "job_retry": Rule(None, EDITORS),
    # -- judges and what they answered
    "judges": Rule(READERS),
    "judge": Rule(READERS),
    "judge_new": Rule(EDITORS, EDITORS),
    "judge_run": Rule(EDITORS, EDITORS),
    "judge_try": Rule(None, EDITORS),
    "judge_probe": Rule(EDITORS, EDITORS),
    "judge_archive": Rule(None, EDITORS),
    "judge_templates": Rule(READERS),
    "judge_template": Rule(READERS),
    "judge_template_edit": Rule(EDITORS, EDITORS),
    "principles": Rule(READERS, EDITORS),
    "answer": Rule(READERS),
    "judge_call": Rule(READERS),
    "look": Rule(READERS),
    "look_picture": Rule(READERS, is_empty_here=True),
}


def _patterns(resolver: URLResolver, namespaces: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
            yield from _patterns(entry, inner)
        else:
            yield ":".join((*namespaces, entry.name or str(entry.pattern))), entry


ADDRESSES = dict(_patterns(get_resolver()))
# Django's own administration asks for staff at one door; it is walked as a whole below.
OURS = sorted(name for name in ADDRESSES if not name.startswith("admin:"))


@pytest.fixture
def world(db) -> dict[str, object]:
    """One project with one of everything: a value for every name that stands in an address."""
    return _world()


@pytest.fixture
def clients(world) -> dict[str, Client]:
    """A browser for each kind of visitor; the deactivated one is signed in from before."""
    return _clients(Project.objects.get(slug=world["slug"]))


def _world() -> dict[str, object]:
    project = frozen.project(task="text", slug="world")
    version = frozen.freeze(project, name="boats")
    sample = factories.sample(factories.prompt(project, "a red boat"))
    # A video, because it answers at every address that media have: whole, thumbnail and poster.
    place = factories.place(sample, factories.stored(drawn.video(frames=4), "boat.mp4"))
    member = User.objects.create(username="member", email="member@example.org")
    Membership.objects.create(project=project, user=member, role="viewer")
    job = Job.objects.create(project=project, kind="score", title="a job")
    build = Job.objects.create(project=project, kind="build", title="a build", params={"recipe_id": version.recipe_id})
    options = importing.Options(path="/nowhere.jsonl", format_name="pairwright", media_root="/", is_dry_run=True)
    a_import = Job.objects.create(project=project, kind="import", title="an import", params=options.as_params())
    export = Export.objects.create(version=version, place="", job=Job.objects.create(project=project, kind="export"))
    batch, invitation, secret = _batch(sample)
    review = _review(batch)
    return {
        "slug": project.slug,
        "batch_id": batch.pk,
        "item_id": batch.items.get().pk,
        "step": "pause",
        "assignment_id": 0,
        "place": 0,
        "index": 0,
        "invitation_id": invitation.pk,
        "review_id": review.pk,
        "participant_id": batch.participants.get().pk,
        "what": "votes",
        "extension": "csv",
        "rater_id": review.answer.assignment.rater_id,
        "secret": secret,
        "prompt_id": sample.prompt_id,
        "sample_id": sample.pk,
        "user_id": member.pk,
        "address": place.address,
        "size": 256,
        "job_id": job.pk,
        "build_id": build.pk,
        "import_id": a_import.pk,
        "recipe_id": version.recipe_id,
        "preview_id": Job.objects.create(project=project, kind="build", params={"previewed": ""}).pk,
        "asking_id": Asking.objects.create(project=project, audience="people", because="a tie").pk,
        "export_id": export.pk,
        "publication_id": _publication(export).pk,
        "picture": "basis",
        "token_id": HubToken.objects.create(label="ours", sealed="gAAAA").pk,
        "ensemble_id": _ensemble(sample).pk,
        "head_id": bare_head.head_that_saw(sample).pk,
        "rubric_id": _rubric(sample).pk,
        "service_token_id": service_tokens.make(project=sample.project, name="a trainer", by=None).token.pk,
        **_judge(sample),
        "name": version.dataset.name,
        "label": version.label,
        "pair_id": version_files.read(version, "pairs")["pair_id"][0],
        **_taken_back(sample),
        "table": "pairs",
        "code": gating.examine(version=version).report["findings"][0]["code"],
        "number": 0,
        "scorer": "technical",
        "probe_answer_id": _probe_answer().pk,
        "uidb64": "MQ",
        "token": "x-y",
    }


def _publication(export: Export) -> Publication:
    """An export on its way to the Hub."""
    job = Job.objects.create(project=export.version.dataset.project, kind="publish", title="a publication")
    wish = {"repository": "ada/boats", "tag": "v1", "licence": "mit", "formats": ["canonical"]}
    return Publication.objects.create(version=export.version, export=export, job=job, **wish)


def _probe_answer() -> ProbeAnswer:
    """An input of a run over drawings, with its picture."""
    run = ProbeRun.objects.create(scorer="technical", suite=1, originals={"source": "drawn", "kind": "image"})
    return run.answers.create(position=0, probe="white", group=0, original=0, values={"a": 1}, picture=b"RIFF")


def _taken_back(sample: Sample) -> dict[str, object]:
    """A withdrawal, something that can be taken down, and a benchmark."""
    project = sample.project
    other = factories.sample(factories.prompt(project, "gone"))
    withdrawal = withdrawals.take_down(project=project, scope=withdrawals.of_sample(other), reason="asked", by=None)
    withdrawals.run_job(job_id=withdrawal.job_id)
    tagged = factories.prompt(project, "held out", tags=["held-out"])
    factories.sample(tagged, text="an answer")
    selection = benchmarks.of_tag(project, "held-out")
    frozen_one = benchmarks.freeze(project=project, name="held-out", selection=selection, by=None)
    return {
        "withdrawal_id": withdrawal.pk,
        "subject": "sample",
        "subject_id": sample.pk,
        "benchmark": frozen_one.name,
        "benchmark_number": frozen_one.number,
    }


def _rubric(sample: Sample) -> Rubric:
    wish = Wish(name="taste", criterion="overall")
    return rubrics.write(project=sample.project, wish=wish, questions=["Is it kind?"], by=None)


def _ensemble(sample: Sample) -> Rater:
    """An ensemble of two judges that scored a sample."""
    said = [judgements.PassScore(sample.pk, sample.prompt_id, factories.overall(sample.project).pk, 0.5)]
    for name in ("ann", "bob"):
        rater = factories.rater(name=name, kind="model")
        judgements.record_pass(project=sample.project, rater=rater, scores=said, job=None)
    members = "".join(f"\n- {{rater: {name}, scores: overall}}" for name in ("ann", "bob"))
    plan = parse_ensemble(f"ensemble: 1\nname: panel\nrule: mean\nmembers:{members}\n")
    return ensemble_making.make(project=sample.project, plan=plan)


def _judge(sample: Sample) -> dict[str, object]:
    """A judge with one verdict and its receipt."""
    new = judges.NewJudge(name="eye", template="video-points", model="a/b@" + "0" * 40)
    judge = judges.add(project=sample.project, judge=new, by=None)
    rater, now = factories.rater(name="eye", kind="model", identity={"model": {}}), timezone.now()
    judge.raters.create(rater=rater)
    call = JudgeCall.objects.create(
        project=sample.project, judge=judge, digest="0" * 64, asked_at=now, seconds=1, text="Final Score: 4"
    )
    Look.objects.create(call=call, tool="calculate", told="1 + 1 = 2")
    act = judgements.Act(
        rater_id=rater.pk, act="rate", payload={"reply": "4", "call": call.pk}, presentation={"order": [sample.pk]}
    )
    judgements.record(project=sample.project, acts=[act])
    return {
        "judge_id": judge.pk,
        "machine_id": rater.pk,
        "judgement_id": rater.judgements.get().pk,
        "call_id": call.pk,
        "template_name": "video-points@1",
    }


def _batch(sample: Sample) -> tuple[Batch, Invitation, str]:
    """An open batch about a sample and another one, and a link that invites to it."""
    boss = User.objects.create(username="maker", email="maker@example.org", is_superuser=True)
    other = factories.sample(sample.prompt, "another")
    question = {
        "key": "overall",
        "kind": "compare",
        "text": "Which?",
        "criterion": factories.overall(sample.project).pk,
    }
    now = timezone.now()
    batch = Batch.objects.create(
        project=sample.project, name="a batch", questions=[question], seed=1, state="open", opened_at=now
    )
    Item.objects.create(batch=batch, position=0, prompt=sample.prompt, sample_ids=sorted([sample.pk, other.pk]))
    invitation, secret = invitations.make(
        project=sample.project, batch=batch, label="", most=5, expires_at=now + timedelta(days=1), by=boss
    )
    return batch, invitation, secret


def _review(batch: Batch) -> Review:
    """An answer that waits for a reviewer, by somebody who agreed to a text."""
    rater, item, now = factories.rater(batch.project), batch.items.get(), timezone.now()
    raters.give_consent(project=batch.project, rater=rater, text_version="v1")
    slot = Slot.objects.create(item=item, batch=batch, number=0, rank=0, state="done")
    assignment = Assignment.objects.create(
        item=item, batch=batch, slot=slot, rater=rater, purpose="label", state="done", leased_at=now,
        lease_until=now + timedelta(hours=1), ended_at=now, presentation={"order": item.sample_ids, "draft": False},
    )  # fmt: skip
    batch.participants.create(rater=rater, answered=1)
    payload = {"questions": {"overall": {"outcome": "left"}}, "flags": []}
    answer = Answer.objects.create(assignment=assignment, client_key="a key", payload=payload, created_at=now)
    return Review.objects.create(answer=answer)


def _clients(project: Project) -> dict[str, Client]:
    elsewhere = factories.project("elsewhere")
    browsers = {name: Client(raise_request_exception=False) for name in VISITORS}
    for name, client in browsers.items():
        if name == "stranger":
            continue
        is_boss = name == "superuser"
        user = User.objects.create(username=name, email=f"{name}@example.org", is_superuser=is_boss, is_staff=is_boss)
        home = elsewhere if name == "other" else project
        role = name if name in ("admin", "curator", "viewer", "annotator") else "admin"
        if not is_boss:
            Membership.objects.create(project=home, user=user, role=role)
        client.force_login(user)
    User.objects.filter(username="deactivated").update(is_active=False)
    return browsers


def _address(name: str, world: dict[str, object]) -> str:
    pattern = ADDRESSES[name].pattern
    # Jobs of different kinds have pages of their own, and people are no machines.
    machine = {"rater_id": world["machine_id"]}
    own = {"build": {"job_id": world["build_id"]}, "machine_standing": machine, "probes_read": machine}
    world = world | own.get(name, {})
    missing = [argument for argument in pattern.converters if argument not in world]
    # The outer parts of the address bring arguments of their own; reverse() names what is lacking.
    assert not missing, f"Give the test's world a value for {missing} of the address “{name}”."
    wanted = {"slug", *pattern.converters} if _is_in_project(name) else set(pattern.converters)
    return reverse(name, kwargs={argument: world[argument] for argument in wanted})


def _is_in_project(name: str) -> bool:
    possibilities = get_resolver().reverse_dict.getlist(name)
    return any("slug" in arguments for forms, *_rest in possibilities for _template, arguments in forms)


def _ask(client: Client, method: str, address: str) -> int:
    """The status of one request, with whatever it changed taken back; a door to sign in counts as 401."""
    cookies = deepcopy(client.cookies)
    with transaction.atomic():
        response = getattr(client, method)(address)
        transaction.set_rollback(True)
    client.cookies = cookies
    if response.status_code == 302 and response["Location"].startswith(reverse("sign_in") + "?"):
        return 401
    return response.status_code


REFUSALS = {401, 403, 404, 405}


def test_every_address_is_declared() -> None:
    undeclared = [name for name in OURS if name not in RULES]
    gone = [name for name in RULES if name not in ADDRESSES]

    assert not undeclared, f"Say in RULES who may open {undeclared}."
    assert not gone, f"RULES names {gone}, which no longer exist."


def test_every_address_is_open_to_those_declared_and_to_nobody_else(world, clients) -> None:
    """One test for all addresses, because the world it needs takes longer to make than to walk."""
    problems = {name: found for name in OURS if name in RULES and (found := _problems(name, world, clients))}

    assert not problems, "\n".join(f"{name}: {'; '.join(found)}" for name, found in problems.items())


def _problems(name: str, world: dict[str, object], clients: dict[str, Client]) -> list[str]:
    """What is wrong at one address, in words."""
    address, rule = _address(name, world), RULES[name]
    reading = {who: _ask(clients[who], "get", address) for who in VISITORS}
    sending = {who: _ask(clients[who], "post", address) for who in VISITORS}
    problems = [
        f"{way} breaks: {answers}" for way, answers in (("get", reading), ("post", sending)) if _breaks(answers)
    ]
    if rule.is_empty_here:
        found = {who for who, status in reading.items() if status == 404}
        problems += [f"get finds: {reading}"] if found != rule.read | {"other"} else []
    elif _let_in(reading) != (rule.read or frozenset()):
        problems.append(f"get: {reading}")
    if _let_in(sending) != (rule.write or frozenset()):
        problems.append(f"post: {sending}")
    for way in ("put", "patch", "delete"):
        answers = {who: _ask(clients[who], way, address) for who in VISITORS if who not in (rule.write or ())}
        problems += [f"{way}: {answers}"] if _let_in(answers) else []
    return problems


def _breaks(answers: dict[str, int]) -> bool:
    return any(status >= 500 for status in answers.values())


def _let_in(answers: dict[str, int]) -> frozenset[str]:
    return frozenset(who for who, status in answers.items() if status not in REFUSALS)


def test_a_form_without_its_token_is_refused(world) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post(reverse("sign_in"), {"username": "a", "password": "b"}).status_code == 403


def test_the_administration_is_open_to_superusers_alone(world, clients) -> None:
    for name in ("admin:index", "admin:jsi18n", "admin:password_change"):
        answers = {who: _ask(clients[who], "get", reverse(name)) for who in VISITORS}
        assert answers.pop("superuser") == 200
        assert all(status in {302, 401, 403, 404} for status in answers.values()), answers


def test_unknown_addresses_answer_in_words(clients) -> None:
    answer = clients["viewer"].get(f"/projects/{uuid.uuid4().hex}/")

    assert answer.status_code == 404
    assert "There is no such project" in answer.content.decode()
