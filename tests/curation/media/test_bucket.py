"""The same storage in a bucket, against a server that answers as S3 does."""

import hashlib
import io
import os

import boto3
import pytest
from django.urls import reverse
from moto import mock_aws

from curation.actions import media
from curation.errors import Unavailable
from curation.media.ingestion import ingest
from curation.models import Asset, Rendition, SampleMedia
from curation.storage import media_storage
from curation.storage.copies import LocalCopies
from tests import factories
from tests.curation.media.drawn import encoded, scene, video

pytestmark = pytest.mark.django_db

BUCKET = "pairwright-test"


@pytest.fixture
def bucket(settings, tmp_path):
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {
                "BACKEND": "curation.storage.bucket.ContentBucket",
                "OPTIONS": {
                    "bucket_name": BUCKET,
                    "region_name": "us-east-1",
                    "access_key": "key",
                    "secret_key": "secret",
                    "location": "media",
                    "file_overwrite": True,
                    "copies_folder": tmp_path / "copies",
                    "copies_bytes": 10**6,
                },
            },
        }
        yield client


def store(data: bytes) -> Rendition:
    taken = ingest(data)
    ids = media.store_many_from({taken.sha256: taken}, {taken.sha256: data})
    return Rendition.objects.get(asset=ids[taken.sha256])


def names(client) -> list[str]:
    return [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_a_picture_lies_in_the_bucket_under_its_digest_once(bucket):
    data = encoded(scene(), "PNG")
    store(data)
    before = bucket.list_objects_v2(Bucket=BUCKET)["Contents"]

    store(data)

    sha256 = hashlib.sha256(data).hexdigest()
    assert names(bucket) == [
        f"media/originals/{sha256[:2]}/{sha256}",
        f"media/thumbnails/{sha256[:2]}/{sha256}-256.jpg",
    ]
    after = bucket.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [one["LastModified"] for one in after] == [one["LastModified"] for one in before]


def test_a_video_given_by_path_is_uploaded(bucket, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(video())
    taken = ingest(path)

    media.store_many_from({taken.sha256: taken}, {taken.sha256: path})

    body = bucket.get_object(Bucket=BUCKET, Key="media/" + Asset.objects.get().storage_name)["Body"].read()
    assert body == path.read_bytes()


def test_the_keys_of_a_bucket_are_not_given_to_other_processes(bucket):
    assert media.keep_elsewhere() is None


def test_the_site_serves_parts_and_thumbnails_from_the_bucket(bucket, client):
    project = factories.project()
    data = video()
    rendition = store(data)
    placement = SampleMedia.objects.create(sample=factories.sample(factories.prompt(project)), asset=rendition.asset)
    client.force_login(factories.member(project, "annotator"))

    part = client.get(reverse("media", args=[placement.address]), headers={"Range": "bytes=10-19"})
    thumbnail = client.get(reverse("media_thumbnail", args=[placement.address]))

    assert part.status_code == 206
    assert b"".join(part.streaming_content) == data[10:20]
    assert b"".join(thumbnail.streaming_content).startswith(b"\xff\xd8")


def test_a_worker_fetches_a_file_once(bucket):
    rendition = store(encoded(scene(), "PNG"))
    path = media.local_path(rendition=rendition)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == rendition.sha256
    bucket.delete_object(Bucket=BUCKET, Key="media/" + rendition.storage_name)

    assert media.local_path(rendition=rendition) == path


def test_a_missing_object_or_bucket_is_said_with_a_remedy(bucket):
    rendition = store(encoded(scene(), "PNG"))
    bucket.delete_object(Bucket=BUCKET, Key="media/" + rendition.storage_name)

    with pytest.raises(Unavailable, match=f"{BUCKET}.*PAIRWRIGHT_S3_BUCKET"):
        media.local_path(rendition=rendition)
    with pytest.raises(Unavailable, match=BUCKET):
        media_storage().size("originals/00/none")


def test_copies_stay_below_their_limit_and_those_used_last_stay(tmp_path):
    copies = LocalCopies(tmp_path, limit_bytes=1000)
    for number in range(30):
        path = copies.fetch(f"a/{number}", 100, lambda: io.BytesIO(b"x" * 100))
        os.utime(path, (number, number))

    left = sorted(int(path.name) for path in (tmp_path / "a").iterdir())
    assert sum(path.stat().st_size for path in (tmp_path / "a").iterdir()) <= 1000
    assert left[-1] == 29
    assert left == list(range(30 - len(left), 30))


def test_a_copy_of_another_length_is_fetched_again(tmp_path):
    copies = LocalCopies(tmp_path, limit_bytes=1000)
    copies.fetch("a", 3, lambda: io.BytesIO(b"old"))

    assert copies.fetch("a", 4, lambda: io.BytesIO(b"news")).read_bytes() == b"news"


def test_what_is_missing_is_found_by_asking_and_by_listing(bucket):
    kept = [store(encoded(scene(number), "PNG")) for number in range(2)]
    folder = kept[0].storage_name.rpartition("/")[0]
    sizes = {one.storage_name: one.size for one in kept} | {f"{folder}/{number}": 10 for number in range(3)}
    many = sizes | {f"{folder}/{number}": 10 for number in range(30)}

    assert media_storage().missing(sizes) == {f"{folder}/{number}" for number in range(3)}
    assert media_storage().missing(many) == {f"{folder}/{number}" for number in range(30)}
    assert media_storage().missing({kept[0].storage_name: kept[0].size + 1}) == {kept[0].storage_name}
