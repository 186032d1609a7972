"""The pool of prompts: pages under one digest, and nothing in it that is held out."""

from __future__ import annotations

import hashlib

import pytest

from curation.actions import benchmarks, withdrawals
from curation.models import Dataset, Project, Prompt
from curation.models.datasets import DatasetVersion, SplitAssignment
from tests import factories
from tests.curation.media import drawn
from tests.scoring.service.asking import Client, Serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_scorers")]


def prompts(project: Project, *words: str, **fields) -> list[Prompt]:
    return [factories.prompt(project, word, **fields) for word in words]


def texts(client: Client, query: str = "") -> list[str]:
    said = client.get(f"/prompts?{query}")
    assert said.status == 200, said.body
    return [one["text"] for one in said.body["prompts"]]


def assigned(project: Project, name: str, **splits: list[Prompt]) -> Dataset:
    dataset = Dataset.objects.get_or_create(project=project, name=name)[0]
    recipe = project.recipes.create(name=f"{name} recipe", number=1, text="x", digest="0" * 64)
    version = DatasetVersion.objects.create(dataset=dataset, number=1, recipe=recipe, seed=0)
    for split, own in splits.items():
        for prompt in own:
            SplitAssignment.objects.create(dataset=dataset, prompt=prompt, split=split, since=version)
    return dataset


def test_pages_follow_one_another_under_one_digest(project: Project, serve: Serve):
    rows = prompts(project, "one fox", "two hens", "three cats", "four dogs", "five owls")
    factories.prompt(factories.project("theirs"), "not ours")
    client = serve()

    pages, after, digest = [], 0, ""
    while after is not None:
        said = client.get(f"/prompts?size=2&after={after}&digest={digest}").body
        pages.append([one["id"] for one in said["prompts"]])
        after, digest = said["next"], said["pool"]["digest"]

    assert pages == [[rows[0].pk, rows[1].pk], [rows[2].pk, rows[3].pk], [rows[4].pk]]
    assert digest == hashlib.sha256("\n".join(row.identity for row in rows).encode()).hexdigest()
    assert said["pool"]["prompts"] == 5


def test_a_pool_that_changed_is_said_and_not_mixed(project: Project, serve: Serve):
    prompts(project, "one fox", "two hens")
    client = serve()
    digest = client.get("/prompts?size=1").body["pool"]["digest"]
    (new,) = prompts(project, "three cats")

    said = client.get(f"/prompts?size=1&after={new.pk - 1}&digest={digest}")

    assert said.status == 409
    assert client.get("/prompts").body["pool"]["digest"] in said.body["error"]


def test_a_prompt_brings_what_a_trainer_and_a_checker_need(project: Project, serve: Serve):
    row = factories.prompt(project, "2 + 2", facts={"answer": "4"}, tags=["sums"], locale="de", licence="CC0-1.0")
    factories.place(row, factories.asset(b"a picture"), role="source")

    (said,) = serve().get("/prompts").body["prompts"]

    digest = hashlib.sha256(b"a picture").hexdigest()
    assert said == {
        "id": row.pk,
        "key": "",
        "identity": row.identity,
        "text": "2 + 2",
        "turns": None,
        "facts": {"answer": "4"},
        "tags": ["sums"],
        "locale": "de",
        "licence": "CC0-1.0",
        "media": {"source": [{"sha256": digest, "mime": "image/png"}]},
    }


def raw(client: Client, path: str) -> tuple[str, dict[str, str], bytes]:
    began: list = []
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_AUTHORIZATION": f"Bearer {client.token}"}
    content = b"".join(client.application(asked, lambda status, headers: began.extend([status, headers])))
    return began[0], dict(began[1]), content


def test_input_media_are_sent_as_scorers_see_them_and_no_others(project: Project, serve: Serve):
    content = drawn.encoded(drawn.scene(1), "PNG")
    theirs = factories.prompt(factories.project("theirs"))
    factories.place(theirs, factories.stored(drawn.encoded(drawn.scene(2), "PNG"), "b.png"), role="source")
    sample = factories.sample(factories.prompt(project))
    factories.place(sample, factories.stored(drawn.encoded(drawn.scene(3), "PNG"), "c.png"))
    row = factories.prompt(project, "make it red")
    asset = factories.stored(content, "a.png")
    factories.place(row, asset, role="source")
    client = serve()

    (medium,) = client.get("/prompts").body["prompts"][1]["media"]["source"]
    status, headers, sent = raw(client, f"/media/{medium['sha256']}")

    assert (status, headers["Content-Type"], int(headers["Content-Length"])) == ("200 OK", "image/png", len(sent))
    assert hashlib.sha256(sent).hexdigest() == asset.renditions.get().sha256
    others = [theirs.media.get().asset.sha256, sample.media.get().asset.sha256, "0" * 64, "../secret", ""]
    assert {raw(client, f"/media/{other}")[0] for other in others} == {"404 Not Found"}
    assigned(project, "set", test=[row])
    assert raw(client, f"/media/{medium['sha256']}")[0] == "404 Not Found"


def test_it_is_narrowed_by_tag_and_language(project: Project, serve: Serve):
    prompts(project, "one fox", tags=["animals"])
    prompts(project, "ein Haus", locale="de", tags=["houses"])
    client = serve()

    assert texts(client, "tag=animals") == ["one fox"]
    assert texts(client, "locale=de") == ["ein Haus"]
    assert texts(client, "locale=de&tag=animals") == []


def test_what_a_benchmark_of_any_project_bars_never_leaves(project: Project, serve: Serve):
    """The prompt itself, and one that says nearly the same."""
    held = "a red fox that jumps over a very old wooden fence in the deep snow"
    prompts(project, held, held.replace("very ", ""), "something else entirely")
    elsewhere = factories.project("elsewhere")
    factories.sample(factories.prompt(elsewhere, held), text="answer")
    client = serve()
    assert len(texts(client)) == 3

    benchmarks.freeze(project=elsewhere, name="bench", selection=benchmarks.of_project(elsewhere), by=None)

    assert texts(client) == ["something else entirely"]
    own = Prompt.objects.filter(project=project, text=held).get()
    assigned(project, "set", train=[own])
    assert texts(client, "dataset=set&split=train") == []


def test_what_a_dataset_holds_out_leaves_only_by_its_name(project: Project, serve: Serve):
    train, test, free = prompts(project, "one fox", "two hens", "three cats")
    assigned(project, "first", train=[train], test=[test])
    assigned(project, "second", train=[test, train])
    client = serve()

    assert texts(client) == ["one fox", "three cats"]
    assert texts(client, "dataset=first&split=train") == ["one fox"]
    assert texts(client, "dataset=second&split=train") == ["one fox"]
    assert texts(client, "dataset=first&split=test") == ["two hens"]


def test_what_was_taken_down_never_leaves(project: Project, serve: Serve):
    gone, _stays = prompts(project, "one fox", "two hens")
    client = serve()
    texts(client)

    withdrawals.take_down(
        project=project, scope=withdrawals.Scope(kind="prompt", prompts=[gone.pk]), reason="asked", by=None
    )

    assert texts(client) == ["two hens"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("colour=red", 400),
        ("size=many", 400),
        ("after=-1", 400),
        ("dataset=set", 400),
        ("split=test", 400),
        ("dataset=nowhere&split=train", 404),
    ],
)
def test_what_is_not_understood_is_refused(serve: Serve, query: str, status: int):
    assert serve().get(f"/prompts?{query}").status == status
