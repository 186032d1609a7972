"""Where weights come from: folders, the Hub, a bucket that answers as S3 does; and what is refused."""

from __future__ import annotations

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
import torch
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws
from safetensors.torch import save_file

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.weight_sources import bucket, places, sources

BUCKET = "pairwright-models"
SOURCE = f"s3://{BUCKET}/vit/1"
FILES = ("config.json", "model.safetensors", "pytorch_model.bin")
BYTES = bytes(range(256)) * 4096  # a megabyte


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(places.here, "cache", tmp_path / "weights")
    monkeypatch.setattr(places.here, "keys", places.BucketKeys(region_name="us-east-1"))
    return tmp_path / "weights"


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        for name, body in [
            ("vit/1/config.json", b"{}"),
            ("vit/1/model.safetensors", BYTES),
            ("vit/1/optimizer.pt", b"large"),
            ("vit/1/nested/model.safetensors", b"nested"),
            ("vit/10/config.json", b'{"other": 1}'),
        ]:
            client.put_object(Bucket=BUCKET, Key=name, Body=body)
        yield client


@pytest.fixture
def fetched(monkeypatch) -> list[tuple[str, int]]:
    """Every object that is asked for, with the byte it is asked from."""
    calls: list[tuple[str, int]] = []
    append = bucket._append

    def noted(client: Any, name: str, entry: bucket.Entry, growing: Path) -> None:
        calls.append((entry.name, growing.stat().st_size if growing.exists() else 0))
        append(client, name, entry, growing)

    monkeypatch.setattr(bucket, "_append", noted)
    return calls


# -- a bucket ---------------------------------------------------------------------------------------------------------


def test_the_files_of_a_prefix_are_fetched_once_and_only_those_wanted(client, fetched: list[Any]) -> None:
    folder = weights.folder_of(SOURCE, FILES)
    again = weights.folder_of(SOURCE + "/", FILES)

    assert folder == again
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == BYTES
    assert (folder / "config.json").read_bytes() == b"{}"  # of /1, not of /10
    assert fetched == [("config.json", 0), ("model.safetensors", 0)]


def test_files_below_folders_keep_their_place(client) -> None:
    folder = weights.folder_of(SOURCE, ("*.safetensors",))

    assert (folder / "nested" / "model.safetensors").read_bytes() == b"nested"


def test_a_changed_object_is_another_copy_and_the_old_one_stays(client) -> None:
    before = weights.folder_of(SOURCE, FILES)
    client.put_object(Bucket=BUCKET, Key="vit/1/model.safetensors", Body=b"new")

    after = weights.folder_of(SOURCE, FILES)

    assert after != before
    assert (after / "model.safetensors").read_bytes() == b"new"
    assert (before / "model.safetensors").read_bytes() == BYTES


def test_one_object_is_a_source_too(client) -> None:
    path = weights.file_of(f"{SOURCE}/model.safetensors", "*.safetensors")

    assert path.name == "model.safetensors"
    assert weights.file_digest(path) == hashlib.sha256(BYTES).hexdigest()


class _Killed(BaseException):
    """What no `except` of ours catches, as a kill is not caught."""


def test_a_killed_fetch_goes_on_where_it_broke_off(client, fetched: list[Any], cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(bucket, "CHUNK_BYTES", 1000)
    real_client = bucket._client

    class Body:
        def __init__(self, body: Any) -> None:
            self._body = body

        def iter_chunks(self, size: int) -> Any:
            for number, chunk in enumerate(self._body.iter_chunks(size)):
                if number == 300:
                    raise _Killed
                yield chunk

    def dying() -> Any:
        made = real_client()
        get = made.get_object
        made.get_object = lambda **asked: {**(found := get(**asked)), "Body": Body(found["Body"])}
        return made

    monkeypatch.setattr(bucket, "_client", dying)
    with pytest.raises(_Killed):
        weights.folder_of(SOURCE, FILES)
    assert bucket.latest(SOURCE, FILES) is None  # nothing half-done is taken for whole
    assert not sources.is_here(SOURCE)
    monkeypatch.setattr(bucket, "_client", real_client)
    fetched.clear()

    folder = weights.folder_of(SOURCE, FILES)

    assert fetched == [("model.safetensors", 300_000)]
    assert (folder / "model.safetensors").read_bytes() == BYTES
    assert not list(cache.glob("*.part"))


def test_a_connection_that_breaks_is_taken_up_again(client, fetched: list[Any], monkeypatch) -> None:
    noted = bucket._append
    broken = iter([True, True, False, False, False])

    def breaking(client: Any, name: str, entry: bucket.Entry, growing: Path) -> None:
        if entry.name == "model.safetensors" and next(broken):
            growing.write_bytes(BYTES[: growing.stat().st_size + 1000 if growing.exists() else 1000])
            raise ReadTimeoutError(endpoint_url="https://s3")
        noted(client, name, entry, growing)

    monkeypatch.setattr(bucket, "_append", breaking)

    folder = weights.folder_of(SOURCE, FILES)

    assert fetched[-1] == ("model.safetensors", 2000)
    assert (folder / "model.safetensors").read_bytes() == BYTES


def test_an_object_replaced_while_it_is_fetched_is_never_mixed(client, monkeypatch) -> None:
    listed = bucket._wanted

    def then_replaced(*arguments: Any) -> Any:
        found = listed(*arguments)
        client.put_object(Bucket=BUCKET, Key="vit/1/model.safetensors", Body=BYTES[::-1])
        return found

    monkeypatch.setattr(bucket, "_wanted", then_replaced)
    with pytest.raises(ScorerUnavailable, match="PreconditionFailed"):
        weights.folder_of(SOURCE, FILES)
    monkeypatch.setattr(bucket, "_wanted", listed)

    assert (weights.folder_of(SOURCE, FILES) / "model.safetensors").read_bytes() == BYTES[::-1]


def test_those_who_ask_at_once_fetch_once(client, fetched: list[Any]) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _number: weights.folder_of(SOURCE, FILES), range(24)))

    assert len(set(found)) == 1
    assert len(fetched) == 2


def test_what_a_bucket_lacks_or_refuses_is_said(client) -> None:
    with pytest.raises(ScorerUnavailable, match=r"holds none of \*\.onnx. It holds: config.json, model.safetensors"):
        weights.folder_of(SOURCE, ("*.onnx",))
    with pytest.raises(ScorerUnavailable, match=r"s3://nobody/x cannot be fetched \(NoSuchBucket.*PAIRWRIGHT_S3_"):
        weights.folder_of("s3://nobody/x", FILES)
    with pytest.raises(ScorerUnavailable, match="is no address in a bucket"):
        weights.folder_of("s3://Upper_Case/x", FILES)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "a/../../b.json"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, client, cache: Path) -> None:
    client.put_object(Bucket=BUCKET, Key=f"evil/{name}", Body=b"x")

    with pytest.raises(ScorerUnavailable, match="no path below a folder"):
        weights.folder_of(f"s3://{BUCKET}/evil", ("*",))


def test_what_does_not_fit_is_not_begun(client, cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(bucket, "SPARE_BYTES", 10**18)
    with pytest.raises(ScorerUnavailable, match="need 1,048,578 bytes more"):
        weights.folder_of(SOURCE, FILES)
    monkeypatch.setattr(bucket, "MOST_FILES", 1)
    with pytest.raises(ScorerUnavailable, match="holds 2 files that fit"):
        weights.folder_of(SOURCE, FILES)
    monkeypatch.setattr(bucket, "MOST_LISTED", 3)
    with pytest.raises(ScorerUnavailable, match="more than 3 objects"):
        weights.folder_of(SOURCE, FILES)


def test_a_bucket_that_cannot_be_asked_leaves_the_copy_that_is_here(client, monkeypatch) -> None:
    folder = weights.folder_of(SOURCE, FILES)
    monkeypatch.setattr(bucket, "_wanted", _unreachable)

    assert weights.folder_of(SOURCE, FILES) == folder
    with pytest.raises(ScorerUnavailable, match=r"cannot be fetched \(ReadTimeoutError"):
        weights.folder_of(SOURCE, ("config.json",))


def _unreachable(*arguments: Any) -> Any:
    raise ReadTimeoutError(endpoint_url="https://s3")


def test_an_address_where_nobody_answers_is_a_clear_sentence(monkeypatch) -> None:
    monkeypatch.setattr(places.here, "keys", places.BucketKeys("http://127.0.0.1:9", "us-east-1", "key", "secret"))

    with pytest.raises(ScorerUnavailable, match=r"EndpointConnectionError.*127\.0\.0\.1:9.*PAIRWRIGHT_S3_ENDPOINT"):
        weights.folder_of(SOURCE, FILES)


def test_without_keys_the_sentence_says_which_are_read(monkeypatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")

    with pytest.raises(ScorerUnavailable, match=r"NoCredentialsError.*AWS_ACCESS_KEY_ID"):
        weights.folder_of(SOURCE, FILES)


def test_the_projects_own_keys_are_used_and_never_shown(monkeypatch) -> None:
    keys = places.BucketKeys("https://minio.example", "eu-1", "me", "hush")
    monkeypatch.setattr(places.here, "keys", keys)

    made = bucket._client()

    assert made.meta.endpoint_url == "https://minio.example"
    assert made._request_signer._credentials.secret_key == "hush"
    assert "hush" not in repr(keys)


def test_the_settings_reach_the_bucket(settings) -> None:
    from django.apps import apps

    settings.S3_OPTIONS = {**settings.S3_OPTIONS, "endpoint_url": "https://here", "access_key": "a", "secret_key": "b"}

    apps.get_app_config("scoring").ready()

    assert places.here.keys.endpoint_url == "https://here"
    assert places.here.keys.secret_key == "b"
    assert places.here.cache == settings.DATA_DIR / "weights"


# -- folders and the Hub ----------------------------------------------------------------------------------------------


def test_a_folder_is_its_own_source(tmp_path: Path) -> None:
    assert weights.folder_of(str(tmp_path), FILES) == tmp_path


@pytest.mark.parametrize("source", ["", "nowhere", "owner/name", "owner/name@main", "owner/name@" + "a" * 39])
def test_weights_that_are_not_pinned_are_refused(source: str) -> None:
    with pytest.raises(ScorerUnavailable, match="all 40 digits of the commit"):
        weights.folder_of(source, FILES)


def test_weights_that_are_on_no_machine_are_a_clear_sentence_offline() -> None:
    with pytest.raises(ScorerUnavailable, match=r"are not on this machine and the Hub does not give them.*“source”"):
        weights.folder_of("owner/name@" + "a" * 40, FILES)
    assert not sources.is_here("owner/name@" + "a" * 40)


def test_one_file_of_a_source_is_found_by_its_pattern(tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    for name in ("a.pth", "heads/b.pth", "c.json"):
        (tmp_path / name).write_bytes(b"x")

    assert weights.file_of(str(tmp_path), "*b.pth") == tmp_path / "heads" / "b.pth"
    assert weights.file_of(str(tmp_path / "a.pth"), "*.pth") == tmp_path / "a.pth"
    with pytest.raises(ScorerUnavailable, match=r"Exactly one file .* these do: a.pth, heads/b.pth"):
        weights.file_of(str(tmp_path), "*.pth")
    with pytest.raises(ScorerUnavailable, match="these do: none"):
        weights.file_of(str(tmp_path), "*.onnx")


def test_weights_are_here_once_there_is_a_file_of_tensors(tmp_path: Path, client) -> None:
    assert not sources.is_here(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert sources.is_here(str(tmp_path))

    assert not sources.is_here(SOURCE)
    weights.folder_of(SOURCE, FILES)
    assert sources.is_here(SOURCE)


def test_what_is_located_and_digested_can_be_watched(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"abc")

    with sources.watched() as trace:
        weights.file_digest(weights.weights_file(weights.folder_of(str(tmp_path), FILES), FILES))

    weights.file_digest(path)
    assert trace.places == {str(tmp_path): tmp_path}
    assert trace.digests == {path: hashlib.sha256(b"abc").hexdigest()}


# -- reading ----------------------------------------------------------------------------------------------------------


def test_safetensors_come_before_pickles(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(b"x")

    assert weights.weights_file(tmp_path, FILES[1:]).name == "model.safetensors"
    with pytest.raises(ScorerUnavailable, match="holds no weights: none of a, b"):
        weights.weights_file(tmp_path, ("a", "b"))


def test_tensors_are_read_from_both_kinds_of_files(tmp_path: Path) -> None:
    state = {"layer.weight": torch.arange(6.0).reshape(2, 3)}
    save_file(state, tmp_path / "one.safetensors")
    torch.save(state, tmp_path / "two.bin")

    for name in ("one.safetensors", "two.bin"):
        assert torch.equal(weights.read_tensors(tmp_path / name)["layer.weight"], state["layer.weight"])


class _Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/pairwright-was-here"),))


@pytest.mark.parametrize("kind", ["whole module", "program", "no table", "damaged", "damaged safetensors"])
def test_whatever_is_more_than_tensors_is_refused_unopened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("model.safetensors" if kind == "damaged safetensors" else "model.bin")
    if kind == "whole module":
        torch.save(torch.nn.Linear(2, 2), path)
    elif kind == "program":
        path.write_bytes(pickle.dumps(_Evil()))
    elif kind == "no table":
        torch.save([torch.zeros(2)], path)
    else:
        path.write_bytes(b"not weights")

    with pytest.raises(ScorerUnavailable, match=r"are (refused|damaged)"):
        weights.read_tensors(path)
    assert not Path("/tmp/pairwright-was-here").exists()
