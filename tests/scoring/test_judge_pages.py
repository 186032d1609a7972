"""Judges on their pages: made, asked within a budget, tried, and read answer by answer, over real local HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from curation.models import Job, Judgement, JudgingContext, Project, State
from curation.templatetags.pairwright import score as written
from scoring.actions.judging import benches, judges, templates
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.budgets import Limits
from scoring.actions.judging.starting import start_judging
from scoring.judges import library
from scoring.models import Judge, JudgeCall, JudgeTemplate
from tests import factories
from tests.scoring.judges.server import Rules, Server, saying, serving
from tests.scoring.judging_helpers import greys, judge, work_through
from tests.scoring.page_helpers import ROLES, count_queries, visitors

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_queue")]


@pytest.fixture
def served(settings, tmp_path) -> Iterator[Server]:
    with serving(Rules()) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(
            server.endpoints_text(requests_at_once=4, price_prompt=2.0, models=["eye-1"])
        )
        benches.forget()
        yield server
    benches.forget()


@pytest.fixture
def project() -> Project:
    return factories.project("greys")


@pytest.fixture
def sign_in(project: Project) -> Callable[[str], Client]:
    return visitors(project)


@pytest.fixture
def client(sign_in) -> Client:
    return sign_in("curator")


def page(name: str, *args: object) -> str:
    return reverse(name, args=["greys", *args])


def eye(project: Project, template: str = "image-pair-critique", name: str = "eye", **fields) -> Judge:
    return judge(project, name, template, endpoint="eye", model="eye-1", **fields)


def run(project: Project, judge: Judge, **options) -> Job:
    return work_through(start_judging(project=project, judge=judge, by=None, **options))


def html_of(client: Client, url: str, **params: str) -> str:
    response = client.get(url, params)
    assert response.status_code == 200
    return response.content.decode()


def plan_of(client: Client, judge: Judge, **said: str) -> str:
    response = client.post(page("judge_run", judge.pk) + "?part=plan", said)
    assert response.status_code == 200
    return response.content.decode()


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_judges_and_their_answers_are_closed_to_annotators(project, served, sign_in, role: str, status: int) -> None:
    greys(project, 200, 40)
    made = eye(project)
    run(project, made)
    visitor = sign_in(role)
    addresses = [
        page("judges"),
        page("judge", made.pk),
        page("judge_templates"),
        page("principles"),
        page("answer", Judgement.objects.first().pk),
        page("judge_call", JudgeCall.objects.first().pk),
    ]

    assert {visitor.get(address).status_code for address in addresses} == {status}


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("annotator", 403), ("stranger", 404)])
def test_only_curators_and_admins_make_and_ask_judges(project, served, sign_in, role: str, status: int) -> None:
    greys(project, 200, 40)
    made = eye(project)
    visitor = sign_in(role)
    forms = {
        page("judge_new"): {"name": "b", "template": "image-pair@1", "endpoint": "eye", "model": "eye-1"},
        page("judge_run", made.pk): {"rule": "disjoint"},
        page("judge_try", made.pk): {},
        page("judge_archive", made.pk): {},
        page("principles"): {"kind": "principle", "name": "a", "text": "b"},
        page("judge_template_edit"): {"save": "1"},
    }

    assert {visitor.post(address, form).status_code for address, form in forms.items()} == {status}
    assert (Judge.objects.count(), Job.objects.count(), JudgingContext.objects.count()) == (1, 0, 0)


def test_answers_of_other_projects_are_not_found(project, served, client) -> None:
    other = factories.project("others")
    greys(other, 200, 40)
    run(other, eye(other))

    assert client.get(page("answer", Judgement.objects.first().pk)).status_code == 404
    assert client.get(page("judge_call", JudgeCall.objects.first().pk)).status_code == 404
    assert client.get(page("judge", Judge.objects.get().pk)).status_code == 404


# -- making one -------------------------------------------------------------------------------------------------------

NEW = {
    "name": "critic", "template": "image-pair-critique@1", "endpoint": "eye", "model": "eye-1", "orders": "both",
    "repeats": "1", "family": "Eyes", "temperature": "", "max_tokens": "300", "longest_side": "512", "format": "jpeg",
}  # fmt: skip


def test_a_judge_is_made_of_a_template_and_an_address(project, served, client) -> None:
    response = client.post(page("judge_new"), NEW)

    made = Judge.objects.get()
    assert response.url == page("judge", made.pk)
    assert (made.library, made.backend, made.endpoint, made.family) == (
        "image-pair-critique@1", "endpoint", "eye", "Eyes",
    )  # fmt: skip
    assert made.settings == {"decoding": {"max_tokens": 300}, "pictures": {"longest_side": 512, "format": "jpeg"}}


def test_a_judge_of_weights_on_the_workers_needs_no_address(project, client, settings, tmp_path) -> None:
    settings.ENDPOINTS_FILE = tmp_path / "absent.yaml"
    words = html_of(client, page("judge_new"))
    form = {**NEW, "endpoint": "", "model": "someone/vlm@" + "0" * 40, "precision": "float32"}

    client.post(page("judge_new"), form)

    made = Judge.objects.get()
    assert (made.backend, made.settings["local"]) == ("local", {"precision": "float32"})
    assert "absent.yaml" in words, "why no address can be chosen is said"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "other"}, "does not offer “other”"),
        ({"endpoint": "elsewhere"}, "Select a valid choice"),
        ({"repeats": "99"}, "less than or equal to 64"),
        ({"name": "taken"}, "There is a judge “taken” already"),
    ],
)
def test_a_judge_that_cannot_be_is_refused_on_the_form(project, served, client, changes, words: str) -> None:
    eye(project, name="taken")

    response = client.post(page("judge_new"), {**NEW, **changes})

    assert response.status_code == 400
    assert words in response.content.decode()
    assert Judge.objects.count() == 1


def test_a_judge_that_is_put_away_keeps_its_page_and_is_asked_no_more(project, served, client) -> None:
    made = eye(project)

    client.post(page("judge_archive", made.pk))

    assert "put away" in html_of(client, page("judge", made.pk))
    assert client.get(page("judge_run", made.pk)).status_code == 404
    assert "Put away:" in html_of(client, page("judges"))


# -- asking -----------------------------------------------------------------------------------------------------------


def test_what_will_be_asked_is_said_before_with_cost_once_it_is_known(project, served, client) -> None:
    greys(project, 200, 40, 90)
    made = eye(project)

    before = plan_of(client, made, rule="all")
    run(project, made)  # neighbours only: one pair in both orders
    after = plan_of(client, made, rule="all", budget_requests="1")

    assert "<dt>Pairs</dt><dd>3</dd>" in before
    assert '<dt>Left to ask</dt><dd class="strong">6</dd>' in before
    assert "<dt>Cost</dt><dd>not known yet</dd>" in before
    assert "<dt>Answered before</dt><dd>2</dd>" in after
    assert '<dt>Left to ask</dt><dd class="strong">4</dd>' in after
    assert "not known yet</dd>\n    <dt>Time" not in after
    assert "The budget does not reach that far" in after


def test_a_judge_is_asked_with_rule_principle_guideline_and_budget(project, served, client) -> None:
    samples = greys(project, 200, 40)
    made = eye(project)
    calm = judges.ensure_context(project=project, kind="principle", name="calm", text="Darker is better.")
    form = {
        "rule": "all", "prompts": str(samples[0].prompt_id), "principle": calm.pk,
        "budget_requests": "7", "budget_cost": "0.5",
    }  # fmt: skip

    response = client.post(page("judge_run", made.pk), form)

    job = Job.objects.get()
    assert response.url == page("job", job.pk)
    assert job.params["ask"] == {"about": "pairs", "rule": "all"}
    assert job.params["chosen"] == {"prompts": [samples[0].prompt_id]}
    assert job.params["context"] == calm.pk
    assert (job.spending.most_requests, job.spending.most_cost) == (7, Decimal("0.5"))


def test_a_listener_is_asked_whose_reasons_it_reads(project, served, client) -> None:
    greys(project, 200, 40)
    critic, listener = eye(project), eye(project, "listener", "listener")
    run(project, critic)

    refused = client.post(page("judge_run", listener.pk), {})
    client.post(page("judge_run", listener.pk), {"of": [critic.pk]})

    assert refused.status_code == 400
    assert Job.objects.first().params["ask"] == {"about": "verdicts", "of": [critic.pk]}


def test_a_judge_is_tried_once_and_the_job_shows_the_whole_reply(project, served, client) -> None:
    greys(project, 200, 40)
    made = eye(project)

    response = client.post(page("judge_try", made.pk))
    work_through(Job.objects.get())
    html = html_of(client, response.url)

    assert "A try: shown here and kept nowhere else" in html
    assert "Image 1 has a light of" in html
    assert "the other order" in html
    assert not Judgement.objects.exists()


# -- its page ---------------------------------------------------------------------------------------------------------


@pytest.mark.capability("F1")
def test_the_list_and_the_page_tell_of_verdicts_cost_bias_and_unreadable_replies(project, served, client) -> None:
    served.rules = Rules(bias=500)  # always the first one
    greys(project, 120, 110)
    greys(project, 100, 90)
    made = eye(project)
    run(project, made)
    served.rules.plan = {len(served.requests) + 1: saying("I like them all.")}
    greys(project, 10, 20)
    run(project, made)

    table = html_of(client, page("judges"), part="table")
    html = html_of(client, page("judge", made.pk))

    assert "<strong>100 % flip</strong>" in table
    assert "2 of 2 pairs" in table
    assert "chose the first one in" in html
    assert "2 pairs on which it changed its mind" in html
    assert "<dt>Unreadable</dt><dd>1</dd>" in html
    assert "<dt>Calls</dt><dd>6</dd>" in html
    assert page("judge_template", "image-pair-critique@1") in html


def test_a_judge_of_the_family_of_a_generator_is_named_as_not_independent(project, served, client) -> None:
    samples = greys(project, 200, 40)
    samples[0].generator.family = "Eyes"
    samples[0].generator.save()
    made = eye(project, family="eyes")
    job = run(project, made)

    assert "not independent here" in html_of(client, page("judge", made.pk))
    assert "2 not independent" in html_of(client, page("judges"))
    assert "2 verdicts on samples of its own family" in html_of(client, page("job", job.pk))
    assert "not independent" in html_of(client, page("answer", Judgement.objects.first().pk))


def test_queries_of_the_list_do_not_grow_with_judges_and_verdicts(project, served, client) -> None:
    for name in ("a", "b"):
        greys(project, 200, 40)
        run(project, eye(project, name=name))
    few = count_queries(client, page("judges"))
    for number in range(5):
        greys(project, 200, 40)
        run(project, eye(project, name=f"c{number}"))

    assert count_queries(client, page("judges")) == few


def test_queries_of_a_judges_page_do_not_grow_with_verdicts(project, served, client) -> None:
    made = eye(project)
    greys(project, 200, 40)
    run(project, made)
    few = count_queries(client, page("judge", made.pk))
    for _number in range(6):
        greys(project, 200, 40, 90, 91)
    run(project, made, ask=Ask("pairs", "all"))

    assert count_queries(client, page("judge", made.pk)) == few


def test_a_quarantined_judge_leads_back_to_its_own_page(project, served, client) -> None:
    greys(project, 200, 40)
    made = eye(project)
    run(project, made)
    form = {"state": "quarantined", "reason": "leans left"}

    response = client.post(page("machine_standing", made.raters.get().rater_id), form)

    assert response.url == page("judge", made.pk)
    assert "quarantined" in html_of(client, page("judges"))


# -- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_shows_the_question_to_the_letter_the_whole_reply_and_the_receipt(project, served, client) -> None:
    left, right = greys(project, 200, 40, text="a grey field")
    run(project, eye(project))
    first = next(one for one in Judgement.objects.all() if not one.presentation["swapped"])
    call = JudgeCall.objects.get(pk=first.payload["call"])
    words = served.requests[0].text.splitlines()[0]

    html = html_of(client, page("answer", first.pk))

    assert "to the letter: its digest is the receipt's" in html
    assert "a grey field" in html
    assert words in html
    assert html.count('class="piece-picture"') == 2
    assert html.index(page("sample", left.pk)) < html.index(page("sample", right.pk))
    assert call.text in html
    assert "1 (painter-0) is better" in html
    assert f"{call.prompt_tokens} asked, {call.answer_tokens} answered" in html
    assert "the same in the other order" in html


def test_a_verdict_that_changes_with_the_order_is_flagged_with_the_other_answer(project, served, client) -> None:
    served.rules = Rules(bias=500)
    greys(project, 120, 110)
    run(project, eye(project))
    one, other = Judgement.objects.order_by("pk")

    html = html_of(client, page("answer", one.pk))

    assert "changes with the order: overall" in html
    assert "the two together count as a tie" in html
    assert page("answer", other.pk) in html


def test_what_a_listener_concluded_stands_on_both_answers(project, served, client) -> None:
    greys(project, 200, 40)
    critic, listener = eye(project, orders="one"), eye(project, "listener", "listener")
    run(project, critic)
    run(project, listener, ask=Ask("verdicts", of=(critic.pk,)))
    said, heard = Judgement.objects.get(act="compare"), Judgement.objects.get(act="listen")

    verdict = html_of(client, page("answer", said.pk))
    listening = html_of(client, page("answer", heard.pk))

    assert "listener: the reasons lead to it" in verdict
    assert page("answer", heard.pk) in verdict
    assert page("answer", said.pk) in listening
    assert said.payload["verdict"]["reasoning"] in listening, "the reasons it was given to read"


@pytest.mark.capability("C4")
def test_points_and_checklists_are_told_criterion_by_criterion_and_item_by_item(project, served, client) -> None:
    greys(project, 200)
    run(project, eye(project, "image-points-criteria", "points"))
    checker = eye(project, "image-checklist", "checker")
    run(project, checker)
    points = Judgement.objects.get(act="rate")
    checked = Judgement.objects.get(act="check")

    by_criterion = html_of(client, page("answer", points.pk))
    by_item = html_of(client, page("answer", checked.pk))

    assert "<dt>alignment</dt>" in by_criterion
    answers = checked.payload["verdict"]["answers"]
    assert by_item.count("<td>yes") == sum(answer["yes"] for answer in answers)
    of = {item["key"]: item["criterion"] for item in templates.of(checker).items}
    for key, result in checked.payload["verdict"]["scores"].items():
        own = [answer for answer in answers if of[answer["key"]] == key]
        assert result["value"] == pytest.approx(
            sum(a["weight"] for a in own if a["yes"]) / sum(a["weight"] for a in own)
        )
        assert f"<dt>{key}</dt><dd><strong>{written(result['value'])}</strong>" in by_item
    for answer in answers:
        adds = written(answer["weight"] if answer["yes"] else 0)
        assert f'<td class="num">{written(answer["weight"])}</td><td class="num">{adds}</td>' in by_item


def test_an_unsure_token_is_shown_with_its_rivals(project, served, client) -> None:
    served.rules = Rules(noise=1)
    greys(project, 130)
    run(project, eye(project, "image-yes-probability", "yes"))
    call = JudgeCall.objects.get()
    call_html = html_of(client, page("judge_call", call.pk))

    assert ("Tokens it was not sure of" in call_html) == (min(token[1] for token in call.tokens) < -0.0011)


def test_the_answer_is_one_click_from_the_group_and_from_the_sample(project, served, client) -> None:
    left, _right = greys(project, 200, 40)
    run(project, eye(project))
    answers = [page("answer", one.pk) for one in Judgement.objects.all()]

    group = html_of(client, page("prompt", left.prompt_id))
    sample = html_of(client, page("sample", left.pk))

    assert all(address in group and address in sample for address in answers)


def test_an_answer_whose_sample_changed_says_that_the_question_is_no_longer_the_same(project, served, client) -> None:
    samples = greys(project, 200, 40, text="a grey field")
    run(project, eye(project))
    prompt = samples[0].prompt
    type(prompt).objects.filter(pk=prompt.pk).update(text="another field")

    html = html_of(client, page("answer", Judgement.objects.first().pk))

    assert "the digest differs" in html


def test_a_plain_act_of_a_machine_has_a_page_without_reply(project, client) -> None:
    rater = factories.rater(project, "ruler", kind="rule")
    act = rater.judgements.create(project=project, act="pass", at=factories.user().date_joined)

    html = html_of(client, page("answer", act.pk))

    assert "This act keeps no answer in words." in html
    assert "It is not known how this verdict was asked for." in html


# -- jobs -------------------------------------------------------------------------------------------------------------


def test_a_reply_that_could_not_be_read_is_shown_whole_on_its_job_and_on_its_own(project, served, client) -> None:
    served.rules = Rules(plan={1: saying("I <b>like</b> them all.")})
    greys(project, 200, 40)
    job = run(project, eye(project, orders="one"))

    html = html_of(client, page("job", job.pk))
    reply = html_of(client, page("judge_call", JudgeCall.objects.get().pk))

    assert "Replies that could not be read" in html
    for shown in (html, reply):
        assert "I &lt;b&gt;like&lt;/b&gt; them all." in shown
    assert "could not be read" in reply


def test_a_job_out_of_budget_shows_what_was_spent_and_goes_on_with_more(project, served, client) -> None:
    greys(project, 200, 40)
    greys(project, 100, 90)
    job = run(project, eye(project), limits=Limits(requests=3))
    stopped = html_of(client, page("job", job.pk))

    refused = client.post(page("job_resume", job.pk), {"budget_requests": "2", "budget_cost": ""})
    client.post(page("job_resume", job.pk), {"budget_requests": "10", "budget_cost": ""})
    job = work_through(job)

    assert "budget spent" in stopped
    assert "3 requests" in stopped
    assert 'value="6"' in stopped, "twice as much is proposed"
    assert refused.status_code == 400
    assert (job.state, job.done, job.spending.requests) == (State.DONE, 4, 4)


def test_newest_verdicts_of_a_job_lead_to_their_answers(project, served, client) -> None:
    left, right = greys(project, 200, 40)
    job = run(project, eye(project, orders="one"))

    html = html_of(client, page("job", job.pk))

    assert f"sample {left.pk} and sample {right.pk} – overall: sample {left.pk} is better" in html


# -- templates --------------------------------------------------------------------------------------------------------


def edited(client: Client, template: str = "image-pair-critique@1", **changes: str) -> dict[str, str]:
    """The editor's fields filled from a template, with changes."""
    form = client.get(page("judge_template_edit"), {"from": template}).context["form"]
    return {**{field: form.initial[field] for field in form.fields}, **changes}


def test_a_changed_wording_is_tried_without_being_saved_and_survives_the_try(project, served, client) -> None:
    left, right = greys(project, 200, 40)
    made = eye(project)
    form = edited(
        client, body="Look well.\n{prompt}\n{media}\n{form}", judge=str(made.pk), samples=f"{left.pk}, {right.pk}"
    )

    response = client.post(page("judge_template_edit"), {**form, "try": "1"})
    work_through(Job.objects.get())
    html = html_of(client, response.url.partition("#")[0])

    assert "Look well." in served.requests[0].text
    assert "Look well." in html
    assert "1 (painter-0) is better" in html
    assert not JudgeTemplate.objects.exists()
    assert not Judgement.objects.exists()


def test_saving_never_overwrites_a_version(project, served, client) -> None:
    first = client.post(page("judge_template_edit"), {**edited(client, name="mine"), "save": "1"})
    changed = edited(client, "mine@1", system="You are strict.")
    second = client.post(page("judge_template_edit"), {**changed, "save": "1"})

    assert (first.url, second.url) == (page("judge_template", "mine@1"), page("judge_template", "mine@2"))
    words = [templates.find(project, name).template.system for name in ("mine@1", "mine@2")]
    assert words[0] != words[1] == "You are strict."
    assert "mine@1" in html_of(client, second.url)


def test_what_votes_chose_stays_so_under_another_name_also_after_a_try(project, served, client) -> None:
    document = library.to_plain(replace(templates.find(project, "image-pair-critique").template, name="chosen"))
    templates.save(project=project, document=document, by=None, seen=[3, 7])
    left, right = greys(project, 200, 40)
    said = {"judge": str(eye(project).pk), "samples": f"{left.pk}, {right.pk}", "from": "chosen@1"}

    opened = html_of(client, page("judge_template_edit"), **{"from": "chosen@1"})
    form = edited(client, "chosen@1", name="mine")
    tried = client.post(page("judge_template_edit"), {**form, **said, "try": "1"})
    after = html_of(client, tried.url.partition("#")[0])
    client.post(page("judge_template_edit"), {**form, "from": "chosen@1", "save": "1"})
    client.post(page("judge_template_edit"), {**form, "system": "Be strict.", "save": "1"})
    client.post(page("judge_template_edit"), {**edited(client, name="other"), "save": "1"})

    field = '<input type="hidden" name="from" value="chosen@1">'
    assert field in opened
    assert field in after
    assert [row.seen_prompts for row in JudgeTemplate.objects.filter(name="mine")] == [[3, 7], [3, 7]]
    assert JudgeTemplate.objects.get(name="other").fitted_on is None


def test_of_a_long_list_of_prompts_a_judges_page_shows_the_first(project, served, client) -> None:
    document = library.to_plain(replace(templates.find(project, "image-pair").template, name="chosen"))
    templates.save(project=project, document=document, by=None, seen=range(1, 41))
    greys(project, 200, 40)
    made = eye(project, template="chosen@1")
    run(project, made)

    html = html_of(client, page("judge", made.pk))

    assert "10, 11, 12 … (40 in all)" in html
    assert "38, 39" not in html


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "image-pair"}, "comes with the program"),
        ({"body": "{prompt} {nothing} {form}"}, "nothing"),
        ({"rest": "mode: [pair"}, "This is not YAML"),
        ({"rest": "just words"}, "must be a map"),
        ({"rest": "name: other"}, "has a field of its own above"),
        ({"rest": "mode: sideways\nmedia: image\nreader: verdict-lines\ncriteria: []"}, "sideways"),
    ],
)
def test_a_wording_that_cannot_be_used_is_refused_and_kept_on_the_form(project, served, client, changes, words) -> None:
    form = {**edited(client, system="Words I would not lose."), **changes}

    response = client.post(page("judge_template_edit"), {**form, "save": "1"})
    html = response.content.decode()

    assert response.status_code == 400
    assert words in html
    assert "Words I would not lose." in html
    assert not JudgeTemplate.objects.exists()


@pytest.mark.parametrize(
    ("samples", "words"),
    [("x, 2", "“x” is no number of a sample."), ("1", "name pairs"), ("999999, 999998", "has no sample 999998")],
)
def test_a_try_on_samples_that_cannot_be_is_refused(project, served, client, samples: str, words: str) -> None:
    made, (left, _right) = eye(project), greys(project, 200, 40)
    form = edited(client, judge=str(made.pk), samples=samples.replace("1", str(left.pk)) if samples == "1" else samples)

    response = client.post(page("judge_template_edit"), {**form, "try": "1"})

    assert response.status_code == 400
    assert words in response.content.decode()
    assert not Job.objects.exists()


def test_a_try_that_failed_shows_the_fault_and_the_reply(project, served, client) -> None:
    served.rules = Rules(always=lambda number: saying("No idea."))
    greys(project, 200, 40)
    form = edited(client, judge=str(eye(project).pk), samples="")

    response = client.post(page("judge_template_edit"), {**form, "try": "1"})
    work_through(Job.objects.get())
    part = html_of(client, page("judge_template_edit"), job=str(Job.objects.get().pk), part="tried")

    assert "#tried" in response.url
    assert "could not be read" in part
    assert "No idea." in part
    assert "every 2s" not in part


def test_every_built_in_template_has_its_page_and_its_editor(project, served, client) -> None:
    for one in templates.listed(project):
        assert "The question" in html_of(client, page("judge_template", one.name))
        assert edited(client, one.name)["name"] == f"own-{one.template.name}"


def test_an_edited_copy_of_every_built_in_template_is_the_same_template(project, served, client) -> None:
    for one in templates.listed(project):
        form = client.get(page("judge_template_edit"), {"from": one.name}).context["form"]
        bound = type(form)({field: form.initial[field] for field in form.fields})

        assert bound.is_valid(), (one.name, bound.errors)
        read = templates.read(bound.document())
        assert (read.body, read.reader, read.criteria, read.decoding, read.items, read.options) == (
            one.template.body, one.template.reader, one.template.criteria, one.template.decoding, one.template.items,
            one.template.options,
        ), one.name  # fmt: skip


# -- principles -------------------------------------------------------------------------------------------------------


def test_other_words_of_a_principle_are_its_next_version(project, client) -> None:
    for text in ("Calm is better.", "Calm is better.", "Loud is better."):
        client.post(page("principles"), {"kind": "principle", "name": "mood", "text": text})

    html = html_of(client, page("principles"))

    assert [(one.name, one.number) for one in JudgingContext.objects.order_by("number")] == [("mood", 1), ("mood", 2)]
    assert html.index("Loud is better.") < html.index("Calm is better.")
    assert "1 earlier version" in html


def test_empty_lists_say_what_to_do(project, client) -> None:
    assert "No judge yet" in html_of(client, page("judges"))
    assert "No principle yet" in html_of(client, page("principles"))
    assert "None yet. Take one that comes with the program" in html_of(client, page("judge_templates"))
