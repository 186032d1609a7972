"""Our own JSON Lines, and what is wrong with some of them."""

import json
from pathlib import Path

import pytest

from curation.formats.fields import RowRefused
from curation.formats.media_paths import MediaFolder
from curation.formats.ours import judgement_of, sample_of
from tests.curation.formats.drawn import Read, save_lines, save_picture

WHOLE = {
    "prompt": "a sign that says OPEN", "prompt_key": "p1", "sample_key": "s1", "generator": "gen", "revision": "r2",
    "kind": "reference", "media": ["a.png", "b.png"], "text": "seen", "turns": [{"role": "user", "content": "hi"}],
    "seed": 7, "settings": {"steps": 20}, "round": 2, "parent": "s0", "branch": 12, "tags": ["sign"], "locale": "de",
    "licence": "CC0-1.0", "roles": {"source": ["src.png"], "mask": "m.png"}, "facts": {"text": "OPEN"},
    "meta": {"mine": [1, None]},
}  # fmt: skip


@pytest.mark.capability("A3")
def test_every_field_of_a_sample_arrives(tmp_path: Path) -> None:
    row = sample_of(WHOLE, "samples.jsonl:1", MediaFolder(tmp_path))

    assert (row.prompt, row.prompt_key, row.sample_key, row.generator) == (WHOLE["prompt"], "p1", "s1", "gen")
    assert (row.revision, row.kind, row.text, row.turns) == ("r2", "reference", "seen", WHOLE["turns"])
    assert (row.seed, row.settings, row.round, row.parent, row.branch) == (7, {"steps": 20}, 2, "s0", 12)
    assert (row.tags, row.locale, row.licence) == (("sign",), "de", "CC0-1.0")
    assert [media.path for media in row.media] == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert {role: [m.name for m in files] for role, files in row.roles.items()} == {
        "source": ["src.png"],
        "mask": ["m.png"],
    }
    assert (row.facts, row.meta, row.where) == ({"text": "OPEN"}, {"mine": [1, None]}, "samples.jsonl:1")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompt": None, "turns": None}, "prompt is missing"),
        ({"prompt": " "}, "prompt is missing"),
        ({"prompt": 5}, "prompt must be text, not 5"),
        ({"media": [], "text": None}, "neither media nor text"),
        ({"media": [3]}, "media must name a file, not 3"),
        ({"media": ["../secret.png"]}, "lies outside the media folder"),
        ({"media": ["/etc/passwd"]}, "lies outside the media folder"),
        ({"media": ["https://example.org/a.png"]}, "addresses are not opened"),
        ({"media": ["x"] * 300}, "lists 300 files"),
        ({"kind": "fake"}, "kind is 'fake'; it must be one of generated, real, reference"),
        ({"seed": "seven"}, "seed must be a whole number, not 'seven'"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"seed": True}, "seed must be a whole number"),
        ({"round": -1}, "round is -1"),
        ({"parent": None}, "there is no parent"),
        ({"settings": [1]}, "settings must be an object"),
        ({"roles": {"background": ["a.png"]}}, "the role 'background' is unknown"),
        ({"turns": ["hi"]}, "a turn must have role and content"),
        ({"sample_key": "k" * 201}, "sample_key is 201 characters long"),
        ({"seeed": 3}, "the field 'seeed' is unknown; put what is your own into meta"),
        ({"prompt": "a\x00b"}, "NUL"),
        ({"prompt": "\ud800"}, "not valid Unicode"),
    ],
)
def test_a_bad_field_is_refused_with_its_name_value_and_remedy(tmp_path: Path, change, reason: str) -> None:
    with pytest.raises(RowRefused, match=reason.replace("(", r"\(")):
        sample_of({**WHOLE, **change}, "samples.jsonl:1", MediaFolder(tmp_path))


def test_a_link_out_of_the_media_folder_is_refused(tmp_path: Path) -> None:
    secret = save_picture(tmp_path / "outside" / "secret.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").symlink_to(secret)

    with pytest.raises(RowRefused, match="outside the media folder"):
        MediaFolder(tmp_path / "set").ref("a.png")


COMPARE = {"kind": "compare", "rater": "rater-07", "left": "s1", "right": "s2", "outcome": "left"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"outcome": "up"}, "outcome is 'up'"),
        ({"outcome": None}, "outcome is ''"),
        ({"right": "s1"}, "the same sample"),
        ({"rater": ""}, "rater is missing"),
        ({"rater_kind": "alien"}, "rater_kind is 'alien'"),
        ({"strength": -1}, "cannot be negative"),
        ({"at": "yesterday"}, "not a date and time"),
        ({"kind": "rank", "samples": ["a", "b"], "ranks": [1]}, "2 samples but 1 ranks"),
        ({"kind": "rank", "samples": ["a", "a"], "ranks": [1, 2]}, "named twice"),
        ({"kind": "rank", "samples": ["a"], "ranks": [1]}, "at least two"),
        ({"kind": "rate", "sample": "a"}, "value is missing"),
        ({"kind": "rate", "sample": "a", "value": "good"}, "value must be a number"),
        ({"marks": ["here"]}, "each mark must be an object"),
    ],
)
def test_a_bad_judgement_is_refused(change, reason: str) -> None:
    with pytest.raises(RowRefused, match=reason):
        judgement_of({**COMPARE, **change}, "judgements.jsonl:1")


@pytest.mark.capability("A5")
def test_outcomes_ranks_and_ratings_arrive_as_said(tmp_path: Path) -> None:
    save_lines(
        tmp_path / "judgements.jsonl",
        [
            {**COMPARE, "outcome": "both_bad", "strength": 2, "criterion": "alignment", "rater_kind": "scripted"},
            {**COMPARE, "outcome": "tie", "at": "2026-02-03T10:00:00+01:00", "seconds": 3.5, "note": "hm"},
            {"kind": "rank", "rater": "r", "samples": ["s1", "s2", "s3"], "ranks": [1, 2, 2]},
            {"kind": "rate", "rater": "r", "sample": "s1", "criterion": "alignment", "value": 4},
        ],
    )

    bad, tie, rank, rate = Read(tmp_path, tmp_path).judgements

    assert (bad.outcome, bad.strength, bad.criterion, bad.rater_kind) == ("both-bad", 2, "alignment", "scripted")
    assert (tie.outcome, tie.seconds, tie.note, tie.at.utcoffset().total_seconds()) == ("tie", 3.5, "hm", 3600)
    assert (rank.samples, rank.ranks, rank.criterion) == (("s1", "s2", "s3"), (1, 2, 2), "overall")
    assert (rate.sample, rate.value) == ("s1", 4.0)


def test_one_bad_line_costs_only_itself(tmp_path: Path) -> None:
    good = {"prompt": "p", "media": ["a.png"]}
    lines = [
        json.dumps(good).encode(), b'{"prompt": "\xff"}', b'{"prompt": "p", "prompt": "q", "media": ["a.png"]}',
        b'{"prompt": "p", "media": ["a.png"], "seed": NaN}', b"[1]", b'{"prompt": "p"', b'{"media": ["a.png"]}',
        b'{"prompt": "p", "media": ["a.png"], "meta": {"x": 1e999}}', json.dumps(good).encode(),
    ]  # fmt: skip
    (tmp_path / "samples.jsonl").write_bytes(b"\n".join(lines))

    read = Read(tmp_path, tmp_path)

    assert len(read.samples) == 2
    assert [refusal.where for refusal in read.refusals] == [f"samples.jsonl:{n}" for n in range(2, 9)]
    for reason, words in zip(
        read.reasons,
        ["bad UTF-8", "given twice", "NaN", "an object was expected", "not valid JSON", "prompt is missing", "inf"],
        strict=True,
    ):
        assert words in reason
