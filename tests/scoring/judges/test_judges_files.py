"""Templates, endpoints and trained wordings as files: read strictly, every mistake with its file and line."""

import hashlib
import json
from dataclasses import replace

import pytest

from scoring.judges import checking, endpoints, library, trained
from scoring.judges.base import Decoding, Mode, TemplateCriterion
from scoring.judges.parsing import READERS
from scoring.judges.questions import render
from scoring.judges.tables import Unreadable
from tests.scoring.judges import shown
from tests.scoring.judges.shown import template

GOOD = """templates:
  - name: mine
    version: 1
    mode: pair
    media: image
    reader: verdict-lines
    criteria:
      - {key: overall, title: Overall}
    body: |
      {prompt}
      {media}
      {form}
"""


def refusal(text):
    with pytest.raises(Unreadable) as caught:
        library.from_text(text, "mine.yaml")
    return str(caught.value)


# -- the built-in ones -------------------------------------------------------------------------------------------------


def test_every_mode_every_reader_and_every_kind_of_media_has_a_builtin_template():
    found = library.builtin().values()

    assert {one.mode for one in found} == set(Mode)
    assert {one.reader for one in found} == set(READERS)
    assert {one.media for one in found} == set(checking.MEDIA)


def test_every_builtin_template_says_what_it_is():
    for one in library.every_version():
        assert one.title, one.name
        assert one.about.endswith("."), one.name
        assert one.source.startswith("own wording"), one.name
        is_trained = one.name.startswith(("unifiedreward", "editscore", "videoscore2"))
        assert ("fetched with the weights" in one.source) == is_trained, one.name


def test_a_template_survives_being_kept_as_json():
    for one in library.every_version():
        kept = json.loads(json.dumps(library.to_plain(one)))

        assert library.from_plain(kept) == one or library.from_plain(kept).digest() == one.digest()


def test_another_word_is_another_template_and_another_title_is_not():
    one = template("image-pair")

    assert replace(one, title="x", about="y").digest() == one.digest()
    assert replace(one, body=one.body + " Please.").digest() != one.digest()
    assert replace(one, decoding=Decoding(max_tokens=33)).digest() != one.digest()


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_a_good_file_is_read():
    (found,) = library.from_text(GOOD, "mine.yaml")

    assert (found.name, found.mode, found.body) == ("mine", Mode.PAIR, "{prompt}\n{media}\n{form}")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("reader:", "raeder:", 2, "“reader” is missing"),
        ("    reader:", "    decodign: {}\n    reader:", 6, "“decodign” is not known here. Did you mean “decoding”?"),
        ("mode: pair", "mode: pairs", 4, "“pairs” is no mode; there are points, pair"),
        ("media: image", "media: picture", 2, "The media “picture” is unknown"),
        ("version: 1", "version: one", 3, "“version” must be a whole number from 1 to 100000, not “one”"),
        ("version: 1", "version: 0", 3, "“version” must be a whole number"),
        ("name: mine", "name: My Own", 2, "must be lower-case letters, digits and hyphens"),
        ("name: mine", "name: 7", 2, "“name” must be text, not “7”"),
        ("{media}", "{meida}", 2, "there is no placeholder {meida}"),
        ("{media}", "", 2, "The placeholder {media} is missing from the body"),
        ("{form}", "{form} {", 2, "there is a single “{”; write it twice"),
        ("verdict-lines", "verdicts", 2, "There is no reader “verdicts”"),
        ("verdict-lines", "final-score", 2, "reads answers of the mode points, not pair"),
        ("verdict-lines", "pair-probability", 2, "set top_logprobs of decoding to 2 or more"),
        ("title: Overall", "title: Overall, low: 1, high: 5", 2, "has a scale, but the mode pair gives no numbers"),
        ("key: overall", "key: Over all", 2, "The key “Over all” must begin with a letter"),
        ("criteria:", "options: {tie: false}\n    criteria:", 2, "The option “tie” is unknown to the reader"),
        ("criteria:", "options: {ties: maybe}\n    criteria:", 2, "“ties” must be true or false, not “maybe”"),
        ("criteria:", "options: {labels: {beauty: B}}\n    criteria:", 2, "names “beauty”, which is no criterion"),
        ("criteria:", "decoding: {temperature: hot}\n    criteria:", 7, "“temperature” must be a number from 0 to 2"),
        ("criteria:", "decoding: {temperatur: 1}\n    criteria:", 7, "Did you mean “temperature”?"),
        ("criteria:", "pictures: {format: gif}\n    criteria:", 7, "“gif” is no format for pictures"),
        ("criteria:\n", "criteria:\n      - {key: overall, title: Again}\n", 2, "Two criteria have the same key"),
        ("criteria:\n", "criteria:\n      - {key: other, title: overall}\n", 2, "Two criteria have the same label"),
        ("criteria:\n", "criteria:\n      - overall\n", 8, "entry 1 of “criteria” must be a map"),
        ("name: mine", "name: mine\n    name: yours", 3, "“name” stands here twice"),
        ("name: mine", "name: &a mine\n    title: *a", 3, "aliases (*name) are not used here"),
        ("name: mine", "name: !!python/name:os.system x", 2, "of a type"),
        ("templates:", "template:", None, "“templates” is missing"),
        ("templates:", "templates: [", 2, "this is not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(old, new, line, said):
    complaint = refusal(GOOD.replace(old, new, 1))

    assert said in complaint
    assert complaint.startswith(f"mine.yaml, line {line}:" if line else "mine.yaml")


def test_a_file_that_is_none_is_refused():
    assert "must be a map of names and values, not nothing" in refusal("")
    assert "must be a map" in refusal("- a")
    assert "Keep it below" in refusal("#" * 600_000)
    assert "this is not YAML" in refusal("a: \x00")


def test_two_templates_of_one_name_and_version_are_refused(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD)

    with pytest.raises(Unreadable, match=r"b\.yaml, line 2: mine version 1 is already in a\.yaml\. Raise the version"):
        library.load([tmp_path / "a.yaml", tmp_path / "b.yaml"])


def test_the_same_rules_hold_for_a_template_from_a_page():
    broken = library.to_plain(template("image-pair")) | {"reader": "none"}

    with pytest.raises(Unreadable, match="template: There is no reader “none”"):
        library.from_plain(broken)


def test_every_mistake_of_a_template_is_said_at_once():
    found = checking.problems(replace(template("image-points"), version=0, media="sound", body="{form}", criteria=()))

    assert len(found) >= 3


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("image-points", {"system": "{media}"}, "shows pictures and cannot stand in the system's words"),
        ("edit-pair", {"body": "{media}{form}"}, "add {source} or {roles}"),
        ("listener", {"body": "{form}"}, "The placeholder {reasoning} is missing"),
        ("image-checklist", {"body": "{media}"}, "The placeholder {items} is missing"),
        ("image-checklist", {"items": ({"question": "a?", "criterion": "alignment"},)}, "counts for quality"),
        ("image-pair", {"items": ({"question": "a?"},)}, "Only a checklist has items"),
        ("image-points", {"criteria": (TemplateCriterion("a", "A"),)}, "needs a scale: low and high"),
        ("image-points", {"criteria": (TemplateCriterion("a", "A", 5, 5),)}, "low below high"),
        ("image-checklist-prompt", {"criteria": (TemplateCriterion("a", "A", 0, 5),)}, "its scale is 0 to 1"),
        ("image-yes-probability", {"options": {"rule": "mean"}}, "must be one of share, first-token, not “mean”"),
        ("edit-points", {"options": {"parts": ["a"], "combine": "max"}}, "must be one of minimum, mean"),
        ("edit-points", {"options": {"parts": ["a"], "joint": "all"}}, "“joint” names “all”"),
        ("unifiedreward-image-pair", {"criteria": (TemplateCriterion("a", "A"),) * 2}, "reads one criterion"),
    ],
)
def test_what_does_not_fit_together_is_refused(name, changes, said):
    assert said in " ".join(checking.problems(template(name, **changes)))


# -- endpoints ---------------------------------------------------------------------------------------------------------

ENDPOINTS = """endpoints:
  vllm:
    url: http://127.0.0.1:8000/v1/
    models: [UnifiedReward-7b]
    requests_at_once: 16
    supports_logprobs: true
  hosted:
    url: https://api.example.org/v1
    key_variable: HOSTED_API_KEY
    price_prompt: 2.5
    price_answer: 10
    requests_a_minute: 60
    timeout_seconds: 30
"""


def test_endpoints_are_read_with_their_limits_and_prices(tmp_path):
    (tmp_path / "endpoints.yaml").write_text(ENDPOINTS)

    found = endpoints.load(tmp_path / "endpoints.yaml")

    assert found["vllm"].url == "http://127.0.0.1:8000/v1"
    assert found["vllm"].allows("UnifiedReward-7b")
    assert not found["vllm"].allows("another")
    assert found["hosted"].allows("any")
    assert found["hosted"].cost(1000, 200) == pytest.approx(0.0025 + 0.002)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("http://127.0.0.1:8000/v1/", "ftp://inner/", 3, "is no address; write it with http:// or https://"),
        ("http://127.0.0.1:8000/v1/", "http://user:pass@host/v1", 3, "neither user, password, query nor fragment"),
        ("http://127.0.0.1:8000/v1/", "http://host/v1/chat/completions", 3, "ends before /chat/completions"),
        ("url: http", "adress: x\n    url: http", 3, "“adress” is not known here"),
        ("requests_at_once: 16", "requests_at_once: 0", 5, "must be a whole number from 1 to 1024, not “0”"),
        ("supports_logprobs: true", "supports_logprobs: 1", 6, "must be true or false, not “1”"),
        ("key_variable: HOSTED_API_KEY", "key_variable: sk-abc123", 9, "must be the name of an environment variable"),
        ("price_prompt: 2.5", "price_prompt: -1", 10, "must be a number from 0"),
        ("  vllm:", "  My Server:", 2, "the name “My Server” must be lower-case"),
        ("  vllm:\n    url: http://127.0.0.1:8000/v1/", "  vllm:", 2, "“url” is missing"),
    ],
)
def test_a_mistake_in_the_file_of_endpoints_is_named(old, new, line, said):
    with pytest.raises(Unreadable) as caught:
        endpoints.from_text(ENDPOINTS.replace(old, new, 1), "endpoints.yaml")

    assert said in str(caught.value)
    assert str(caught.value).startswith(f"endpoints.yaml, line {line}:")
    assert "sk-abc123" not in str(caught.value)


def test_a_file_of_endpoints_that_is_not_there_is_said(tmp_path):
    with pytest.raises(Unreadable, match=r"there is no file .*none\.yaml\. Whoever runs this installation"):
        endpoints.load(tmp_path / "none.yaml")
    with pytest.raises(Unreadable, match="Check PAIRWRIGHT_ENDPOINTS_FILE"):
        endpoints.load(tmp_path)
    with pytest.raises(Unreadable, match="put its path into PAIRWRIGHT_ENDPOINTS_FILE"):
        endpoints.load("")


# -- trained wordings --------------------------------------------------------------------------------------------------

SCRIPT = '''import os
os.abort()
instruction = ''
prompt_words = f"Rate {instruction} from 0 to 10. " + """Answer {"score": [a, b]}.
"""
'''


def catalogued(folder, content, **fields):
    (folder / "words.py").write_text(content)
    entry = {
        "template": "unifiedreward-edit-following",
        "address": "https://example.org/words.py",
        "revision": "abc",
        "file": "words.py",
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "form": "python",
        "constants": ["prompt_words"],
        "replacing": {"{instruction}": "{prompt}", "10": "25"},
        "before": "{source}{media}",
        **fields,
    }
    (folder / "trained.yaml").write_text(json.dumps({"wordings": [entry]}))


def test_a_fetched_wording_replaces_ours_to_the_letter_and_says_so(tmp_path):
    catalogued(tmp_path, SCRIPT)
    own = template("unifiedreward-edit-following")

    found = trained.worded(own, tmp_path)

    (sample,) = shown.subjects(found, [9], tmp_path, prompt_text="Add a {green} bowl")
    question = render(found, [sample])
    assert [part.text for part in question.parts if not part.media] == [
        'Rate Add a {green} bowl from 0 to 25. Answer {"score": [a, b]}.\n'
    ]
    assert question.system == ""
    assert found.source.startswith("https://example.org/words.py @ abc, SHA-256 ")
    assert found.digest() != own.digest()
    assert library.from_plain(library.to_plain(found)).digest() == found.digest()


def test_without_a_fetched_wording_ours_is_used_and_says_so(tmp_path):
    own = template("unifiedreward-edit-following")

    assert trained.worded(own, tmp_path) is own
    assert trained.worded(own, None) is own
    assert trained.worded(template("editscore-following"), tmp_path).source.startswith("own wording")


def test_a_wording_with_another_digest_is_refused(tmp_path):
    catalogued(tmp_path, SCRIPT)
    (tmp_path / "words.py").write_text(SCRIPT + "# changed")

    with pytest.raises(Unreadable, match=r"words\.py: its SHA-256 is .*, not .*\. Fetch revision abc from"):
        trained.worded(template("unifiedreward-edit-following"), tmp_path)


@pytest.mark.parametrize(
    ("content", "fields", "said"),
    [
        ("prompt_words = open('x')", {}, "the value of prompt_words is no plain text"),
        ("other = 'x'", {}, "gives no value to prompt_words"),
        ("prompt_words = (", {}, "it is no Python"),
        ("prompt_words = 'x'", {}, "hold no “{instruction}” that could be replaced"),
        (SCRIPT, {"before": "{source}"}, "The placeholder {media} is missing"),
        (SCRIPT, {"sha256": "abc"}, "64 hexadecimal digits"),
        (SCRIPT, {"file": "../words.py"}, "must be a name without a folder"),
        (SCRIPT, {"form": "pickle"}, "must be text, or python"),
        (SCRIPT, {"form": "text"}, "must be text, or python"),
    ],
)
def test_a_wording_that_cannot_be_used_is_refused(tmp_path, content, fields, said):
    catalogued(tmp_path, content, **fields)

    with pytest.raises(Unreadable) as caught:
        trained.worded(template("unifiedreward-edit-following"), tmp_path)

    assert said in str(caught.value)


def test_our_own_catalogue_names_builtin_templates_only():
    assert set(trained.catalogue()) <= set(library.builtin())
