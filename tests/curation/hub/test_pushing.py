"""Publishing with the real client against a Hub of this machine: whole, resumable, repeatable, and never by halves."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from curation.errors import Conflict, NotAllowed, Refused, Unavailable
from curation.hub.difference import Terms, compare
from curation.hub.names import repository_name, tag_name, without_tokens
from curation.hub.pushing import Words, push
from curation.hub.remote import Hub, LocalFile
from tests.curation.hub.stand_in import TOKEN, StandIn

NAME = "ada/signs"
WORDS = Words("signs 3", "Made by a test.")


def folder(place: Path, *, rows: str = "one", extra: dict[str, bytes] | None = None) -> list[LocalFile]:
    """A small export: two shards, a card, a manifest and the list of all of them."""
    files = {
        "pairs/train-00000-of-00002.parquet": b"PAR1" + rows.encode() * 500,
        "pairs/train-00001-of-00002.parquet": b"PAR1" + b"second" * 500,
        "README.md": f"---\nlicense: mit\n---\n# Signs\n\n{rows}\n".encode(),
        "manifest.json": json.dumps({"schema": "pairwright-export/1", "dataset": "signs", "rows": rows}).encode(),
        **(extra or {}),
    }
    listed = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in sorted(files.items()))
    files["checksums.sha256"] = listed.encode()
    return [stored(place, path, content) for path, content in files.items()]


def stored(place: Path, path: str, content: bytes) -> LocalFile:
    target = place / hashlib.sha256(content).hexdigest()
    target.write_bytes(content)
    return LocalFile(path, len(content), target.name, target)


def terms(**changes) -> Terms:
    return Terms(**{"repository": NAME, "dataset": "signs", "tag": "v3", **changes})


def published(hub: Hub, files: list[LocalFile], **options):
    wanted = options.pop("terms", None) or terms()
    return push(hub, files, wanted, WORDS, sleep=lambda seconds: None, **options)


def test_a_push_is_one_commit_with_everything_and_a_tag(stand_in: StandIn, hub: Hub, tmp_path):
    files, told = folder(tmp_path), []

    pushed = published(hub, files, report=lambda done, total: told.append((done, total)))

    repository = stand_in.repositories[NAME]
    assert repository.is_private
    assert [message["summary"] for message in repository.messages] == ["initial commit", "signs 3"]
    assert repository.tags == {"v3": pushed.commit}
    there = stand_in.files(NAME, "v3")
    assert {path: there[path].sha256 for path in there if path != ".gitattributes"} == {
        file.path: file.sha256 for file in files
    }
    total = sum(file.size for file in files)
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert (pushed.sent_files, pushed.sent_bytes, pushed.is_new, pushed.parent) == (5, total, True, "")


def test_a_second_push_of_the_same_makes_no_commit_and_sends_nothing(stand_in: StandIn, hub: Hub, tmp_path):
    files = folder(tmp_path)
    first = published(hub, files)
    stand_in.requests.clear()

    second = published(hub, files)

    assert (second.commit, second.is_new, second.sent_files) == (first.commit, False, 0)
    assert {one.method for one in stand_in.requests} == {"GET"}
    assert len(stand_in.repositories[NAME].messages) == 2


def test_a_new_version_sends_what_changed_and_removes_what_it_no_longer_has(stand_in: StandIn, hub: Hub, tmp_path):
    published(hub, folder(tmp_path, extra={"pickapic/train-00000-of-00001.parquet": b"PAR1" + b"j" * 99}))
    stand_in.requests.clear()

    pushed = published(hub, folder(tmp_path, rows="two"), terms=terms(tag="v4"))

    assert pushed.sent_files == 4  # a shard, the card, the manifest, the list
    assert len(stand_in.sent("PUT", "/large/")) == 1
    assert not [path for path in stand_in.files(NAME) if path.startswith("pickapic")]
    assert set(stand_in.repositories[NAME].tags) == {"v3", "v4"}
    assert "pickapic/train-00000-of-00001.parquet" in stand_in.files(NAME, "v3")


def test_shards_go_up_one_by_one_and_a_wish_to_stop_leaves_nothing_visible(stand_in, hub, tmp_path, monkeypatch):
    monkeypatch.setattr("curation.hub.pushing.GROUP_BYTES", 1)

    class Stop(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done:
            raise Stop

    files = folder(tmp_path)
    with pytest.raises(Stop):
        published(hub, files, report=stop)

    repository = stand_in.repositories[NAME]
    assert len(stand_in.large) == 1
    assert (len(repository.messages), repository.tags) == (1, {})
    published(hub, files)
    assert len(stand_in.sent("PUT", "/large/")) == 2  # the first was up already


# -- the Hub in trouble ---------------------------------------------------------------------------------------------


def test_a_busy_hub_is_asked_again_for_contents(stand_in: StandIn, hub: Hub, tmp_path):
    stand_in.fails("PUT", "/large/", status=503)

    published(hub, folder(tmp_path))

    assert [one.status for one in stand_in.sent("PUT", "/large/")].count(503) == 1
    assert "v3" in stand_in.repositories[NAME].tags


def test_a_commit_the_hub_was_too_busy_for_is_sent_again(stand_in: StandIn, hub: Hub, tmp_path):
    stand_in.fails("POST", "/commit/", status=503, times=2)

    pushed = published(hub, folder(tmp_path))

    assert [one.status for one in stand_in.sent("POST", "/commit/")] == [503, 503, 200]
    assert [message["oid"] for message in stand_in.repositories[NAME].messages[1:]] == [pushed.commit]


def test_a_commit_whose_answer_was_lost_is_found_and_not_made_twice(stand_in: StandIn, hub: Hub, tmp_path):
    stand_in.fails("POST", "/commit/", is_done=True)

    pushed = published(hub, folder(tmp_path))

    assert len(stand_in.sent("POST", "/commit/")) == 1
    assert [message["oid"] for message in stand_in.repositories[NAME].messages[1:]] == [pushed.commit]
    assert stand_in.repositories[NAME].tags == {"v3": pushed.commit}


def test_a_503_after_the_commit_was_made_is_recognised(stand_in: StandIn, hub: Hub, tmp_path):
    files = folder(tmp_path)
    published(hub, files)
    stand_in.repositories[NAME].tags.clear()
    stand_in.fails("POST", "/commit/", is_done=True)

    pushed = published(hub, folder(tmp_path, rows="two"))

    assert pushed.commit == stand_in.repositories[NAME].head
    assert len(stand_in.repositories[NAME].messages) == 3


def test_a_hub_that_never_takes_the_commit_leaves_nothing_and_says_so(stand_in: StandIn, hub: Hub, tmp_path):
    stand_in.fails("POST", "/commit/", status=503, times=99)

    with pytest.raises(Unavailable, match=r"did not take the commit, asked 4 times.*what is up is not sent twice"):
        published(hub, folder(tmp_path))

    repository = stand_in.repositories[NAME]
    assert (len(repository.messages), repository.tags) == (1, {})
    stand_in.faults.clear()
    stand_in.requests.clear()
    published(hub, folder(tmp_path))
    assert stand_in.sent("PUT", "/large/") == []


def test_somebody_elses_commit_meanwhile_stops_ours(stand_in: StandIn, hub: Hub, tmp_path):
    published(hub, folder(tmp_path))
    repository = stand_in.repositories[NAME]
    others = {**stand_in.files(NAME)}
    stand_in.fails("POST", "/commit/", before=lambda: repository.commit(others, {"summary": "hello"}))

    with pytest.raises(Conflict, match=r"Somebody committed to ada/signs meanwhile.*rehearse again"):
        published(hub, folder(tmp_path, rows="two"), terms=terms(tag="v4"))

    assert repository.messages[-1]["summary"] == "hello"
    assert set(repository.tags) == {"v3"}


def test_a_head_that_moved_since_it_was_looked_at_stops_before_a_byte_is_sent(stand_in: StandIn, hub: Hub, tmp_path):
    looked_at = published(hub, folder(tmp_path)).commit
    repository = stand_in.repositories[NAME]
    repository.commit({**stand_in.files(NAME)}, {"summary": "hello"})
    stand_in.requests.clear()

    with pytest.raises(Conflict, match="publish on top of it"):
        published(hub, folder(tmp_path, rows="two"), terms=terms(tag="v4", parent=looked_at))

    assert {one.method for one in stand_in.requests} == {"GET"}


def test_a_tag_that_failed_is_set_by_doing_the_same_again(stand_in: StandIn, hub: Hub, tmp_path):
    files = folder(tmp_path)
    stand_in.fails("POST", "/tag/", status=500)
    with pytest.raises(Unavailable, match="busy"):
        published(hub, files)

    pushed = published(hub, files)

    assert stand_in.repositories[NAME].tags == {"v3": pushed.commit}
    assert len(stand_in.repositories[NAME].messages) == 2


def test_a_token_that_is_not_accepted_says_where_to_get_one(stand_in: StandIn, tmp_path):
    with pytest.raises(NotAllowed, match=r"does not accept the token.*settings/tokens") as caught:
        published(Hub(stand_in.address, "hf_wrong"), folder(tmp_path))

    assert "hf_wrong" not in f"{caught.value!r} {caught.value}"
    assert stand_in.repositories == {}


def test_a_token_without_the_right_to_write_names_the_owner(stand_in: StandIn, hub: Hub, tmp_path):
    stand_in.make(NAME)
    stand_in.fails("POST", "/preupload/", status=403, times=9)

    with pytest.raises(NotAllowed, match="right to write to ada"):
        published(hub, folder(tmp_path))


def test_a_slow_hub_is_given_up_in_words(stand_in: StandIn, tmp_path):
    stand_in.fails("GET", "/api/datasets/ada/signs", seconds=1.5, times=9)

    with pytest.raises(Unavailable, match="did not answer in time"):
        published(Hub(stand_in.address, TOKEN, answer_seconds=0.2), folder(tmp_path))


def test_no_hub_at_all_is_said_in_words(stand_in: StandIn, tmp_path):
    with pytest.raises(Unavailable, match="cannot be reached from here"):
        published(Hub("http://127.0.0.1:9", TOKEN), folder(tmp_path))


def test_the_hub_forbidden_by_its_own_switch_is_said_in_words(stand_in: StandIn, hub: Hub, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(Unavailable, match="HF_HUB_OFFLINE"):
        published(hub, folder(tmp_path))


def test_other_bytes_on_the_hub_than_were_sent_are_not_tagged(stand_in: StandIn, hub: Hub, tmp_path, monkeypatch):
    apply = stand_in.make

    def spoilt(*args, **options):
        made = apply(*args, **options)
        commit = made.commit

        def changed(files, header):
            shard = next(path for path in files if path.endswith(".parquet"))
            return commit({**files, shard: type(files[shard])(b"PAR1 other", is_large=True)}, header)

        made.commit = changed
        return made

    monkeypatch.setattr(stand_in, "make", spoilt)

    with pytest.raises(Refused, match="other bytes under pairs/train"):
        published(hub, folder(tmp_path))

    assert stand_in.repositories[NAME].tags == {}


# -- what belongs to somebody else ----------------------------------------------------------------------------------


def test_a_public_repository_is_not_taken_for_a_private_one(stand_in: StandIn, hub: Hub, tmp_path):
    stand_in.make(NAME, is_private=False)

    with pytest.raises(Refused, match="is public on the Hub"):
        published(hub, folder(tmp_path))

    assert not published(hub, folder(tmp_path), terms=terms(is_private=False)).is_private


def test_a_repository_with_somebody_elses_data_is_left_alone(stand_in: StandIn, hub: Hub, tmp_path):
    stand_in.make(NAME, {"data.csv": b"a,b\n"})

    with pytest.raises(Refused, match=r"not a publication of ours \(data.csv\)"):
        published(hub, folder(tmp_path))


def test_a_repository_of_another_dataset_is_left_alone(stand_in: StandIn, hub: Hub, tmp_path):
    published(hub, folder(tmp_path))

    with pytest.raises(Refused, match="holds the dataset signs, not scenes"):
        published(hub, folder(tmp_path), terms=terms(dataset="scenes"))


def test_files_that_somebody_added_stay_unless_they_would_be_read_as_rows(stand_in: StandIn, hub: Hub, tmp_path):
    published(hub, folder(tmp_path))
    repository = stand_in.repositories[NAME]
    note = type(stand_in.files(NAME)["README.md"])(b"mine", is_large=False)
    repository.commit({**stand_in.files(NAME), "NOTES.md": note}, {"summary": "a note"})

    published(hub, folder(tmp_path, rows="two"), terms=terms(tag="v4"))

    assert stand_in.files(NAME)["NOTES.md"].content == b"mine"
    repository.commit({**stand_in.files(NAME), "pairs/train-mine.parquet": note}, {"summary": "rows"})
    with pytest.raises(Refused, match="would be read as rows"):
        published(hub, folder(tmp_path, rows="three"), terms=terms(tag="v5"))


def test_a_tag_moves_only_when_somebody_allows_it(stand_in: StandIn, hub: Hub, tmp_path):
    first = published(hub, folder(tmp_path))

    with pytest.raises(Refused, match="has the tag v3"):
        published(hub, folder(tmp_path, rows="two"))

    assert stand_in.repositories[NAME].tags == {"v3": first.commit}
    second = published(hub, folder(tmp_path, rows="two"), terms=terms(may_move_tag=True))
    assert stand_in.repositories[NAME].tags == {"v3": second.commit}


def test_what_would_change_is_told_before(stand_in: StandIn, hub: Hub, tmp_path):
    files = folder(tmp_path)
    assert compare(files, hub.look(NAME)).new == tuple(files)
    published(hub, files)

    found = compare(folder(tmp_path, rows="two"), hub.look(NAME))

    assert [file.path for file in found.same] == ["pairs/train-00001-of-00002.parquet"]
    assert len(found.changed) == 4
    assert (found.new, found.gone, found.parent) == ((), (), stand_in.repositories[NAME].head)


# -- Xet ------------------------------------------------------------------------------------------------------------


def test_a_push_by_xet_goes_the_same_way(stand_in: StandIn, hub: Hub, tmp_path, monkeypatch):
    """hf_xet writes its blocks into a folder; a shard that changed a little sends little."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    stand_in.xet_folder = tmp_path / "xet"
    stand_in.xet_folder.mkdir()
    files = folder(tmp_path)

    pushed = published(hub, files)

    assert stand_in.sent("POST", "/objects/batch") == []
    assert sum(path.stat().st_size for path in stand_in.xet_folder.rglob("*") if path.is_file()) > 0
    assert stand_in.repositories[NAME].tags == {"v3": pushed.commit}
    assert not published(hub, files).is_new


# -- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["ada/signs", " ada/signs ", "datasets/ada/signs", "https://huggingface.co/datasets/ada/signs"]
)
def test_a_name_is_taken_as_people_write_it(given):
    assert repository_name(given) == "ada/signs"


@pytest.mark.parametrize(
    "given", ["signs", "ada/", "ada/si gns", "ada/signs/more", "ada/a--b", "ada/a..b", "ada/x.git", "-a/b"]
)
def test_what_is_no_name_is_refused_with_an_example(given):
    with pytest.raises(Refused, match="Write owner/name"):
        repository_name(given)


def test_a_tag_names_the_version_and_its_minor():
    assert [tag_name("3"), tag_name("3.1")] == ["v3", "v3.1"]


def test_tokens_are_struck_out_of_words():
    assert without_tokens(f"Bearer {TOKEN}, hf_x") == "Bearer hf_…, hf_…"
