"""Who gets which bytes, and how: addresses that tell nothing, parts of videos, nothing for strangers."""

import uuid

import pytest
from django.urls import reverse

from curation.actions import media
from curation.media.ingestion import ingest
from curation.models import Asset, PromptMedia, SampleMedia
from tests import factories
from tests.curation.media.drawn import decoded, encoded, scene, video

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def place(project):
    """A function that stores a file and gives it a place in the project."""

    def put(data: bytes, to_prompt: bool = False):
        taken = ingest(data)
        ids = media.store_many_from({taken.sha256: taken}, {taken.sha256: data})
        asset = Asset.objects.get(pk=ids[taken.sha256])
        prompt = factories.prompt(project)
        if to_prompt:
            return PromptMedia.objects.create(prompt=prompt, role="source", asset=asset)
        return SampleMedia.objects.create(sample=factories.sample(prompt), asset=asset)

    return put


@pytest.fixture
def member(project, client):
    client.force_login(factories.member(project, "annotator"))
    return client


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def address(placement, name: str = "media", *args) -> str:
    return reverse(name, args=[placement.address, *args])


@pytest.mark.parametrize("role", ["admin", "curator", "annotator", "viewer"])
@pytest.mark.parametrize("to_prompt", [False, True])
def test_every_member_gets_the_picture(client, project, place, role, to_prompt):
    data = encoded(scene(), "PNG")
    client.force_login(factories.member(project, role))

    response = client.get(address(place(data, to_prompt)))

    assert response.status_code == 200
    assert body(response) == data
    assert response["Content-Type"] == "image/png"


@pytest.mark.parametrize("name", ["media", "media_thumbnail", "media_poster"])
def test_nobody_else_gets_it(client, place, name):
    url = address(place(video()), name)
    another_member = factories.member(factories.project(), "admin")

    assert client.get(url).status_code == 302
    client.force_login(another_member)
    assert client.get(url).status_code == 404
    another_member.is_active = False
    another_member.save()
    assert client.get(url).status_code in (302, 404)


def test_one_asset_in_two_projects_has_two_doors(client, project, place):
    data = encoded(scene(), "PNG")
    placement = place(data)
    elsewhere = factories.project()
    other = SampleMedia.objects.create(sample=factories.sample(factories.prompt(elsewhere)), asset=placement.asset)
    client.force_login(factories.member(elsewhere, "annotator"))

    assert client.get(address(placement)).status_code == 404
    assert client.get(address(other)).status_code == 200


def test_the_answer_may_be_kept_by_the_browser_only_and_tells_nothing(member, place):
    response = member.get(address(place(encoded(scene(), "PNG"))))

    assert "private" in response["Cache-Control"]
    assert "immutable" in response["Cache-Control"]
    assert "no-store" not in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Content-Disposition"] == "inline"


def test_the_rendition_is_served_and_never_the_original(member, place):
    response = member.get(address(place(encoded(scene(), "JPEG", comment=b"by model-x"))))

    content = body(response)
    assert b"model-x" not in content
    assert int(response["Content-Length"]) == len(content)


def test_who_holds_it_already_is_told_so(member, place):
    url = address(place(encoded(scene(), "PNG")))
    etag = member.get(url)["ETag"]

    response = member.get(url, headers={"If-None-Match": etag})

    assert response.status_code == 304
    assert body(response) == b""
    assert response["ETag"] == etag


def test_a_stranger_cannot_probe_with_a_tag(client, place):
    placement = place(encoded(scene(), "PNG"))
    etag = f'"{placement.asset.sha256}"'

    assert client.get(address(placement), headers={"If-None-Match": etag}).status_code == 302


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, None),
        ("bytes=-7", -7, None),
        ("bytes=0-99999999", 0, None),
        ("bytes=5-5", 5, 6),
        ("bytes=-99999999", 0, None),
    ],
)
def test_a_part_of_a_video_is_served(member, place, asked, start, end):
    data = video()
    url = address(place(data))

    response = member.get(url, headers={"Range": asked})

    expected = data[start:end]
    first = data.index(expected) if start else 0
    first = len(data) + start if start < 0 else start
    assert response.status_code == 206
    assert body(response) == expected
    assert response["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(data)}"
    assert response["Content-Length"] == str(len(expected))
    assert response["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_part_that_is_not_there_is_refused_with_the_size(member, place, asked):
    data = video()

    response = member.get(address(place(data)), headers={"Range": asked})

    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=9-3", "bytes=-", "nonsense"])
def test_an_odd_range_gets_the_whole(member, place, asked):
    data = video()

    response = member.get(address(place(data)), headers={"Range": asked})

    assert (response.status_code, body(response)) == (200, data)


def test_a_range_of_another_version_gets_the_whole(member, place):
    data = video()
    url = address(place(data))

    other = member.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    same = member.get(url, headers={"Range": "bytes=0-9", "If-Range": other["ETag"]})

    assert (other.status_code, same.status_code) == (200, 206)


def test_a_thumbnail_is_the_smallest_that_is_large_enough(member, place):
    placement = place(encoded(scene(size=(2100, 400)), "PNG"))

    def width(*size):
        name = "media_thumbnail_of" if size else "media_thumbnail"
        return decoded(body(member.get(address(placement, name, *size)))).width

    assert [width(), width(256), width(257), width(2000)] == [263, 263, 1050, 2100]


def test_a_large_thumbnail_of_a_video_is_its_poster(member, place):
    placement = place(video(size=(320, 240)))

    large = decoded(body(member.get(address(placement, "media_thumbnail_of", 1024))))
    poster = decoded(body(member.get(address(placement, "media_poster"))))

    assert large.size == poster.size == (320, 240)


def test_thumbnails_and_posters_have_tags_of_their_own(member, place):
    placement = place(video())
    tags = {member.get(address(placement, name))["ETag"] for name in ("media", "media_thumbnail", "media_poster")}

    # The poster may share no tag with the video: a browser would take one for the other.
    assert len(tags) == 3


def test_a_picture_has_no_poster(member, place):
    assert member.get(address(place(encoded(scene(), "PNG")), "media_poster")).status_code == 404


def test_a_declared_file_that_is_absent_is_not_found(member, project):
    placement = SampleMedia.objects.create(
        sample=factories.sample(factories.prompt(project)), absent_name="generations/0001.png"
    )

    response = member.get(address(placement))

    assert response.status_code == 404
    assert b"0001.png" not in response.content


def test_a_side_file_is_handed_out_as_a_download(member, project):
    pk = media.store_side_file(source=b"<html><script>alert(1)</script></html>")
    placement = SampleMedia.objects.create(
        sample=factories.sample(factories.prompt(project)), role="latents", asset_id=pk
    )

    response = member.get(address(placement))

    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == "attachment"
    assert member.get(address(placement, "media_thumbnail")).status_code == 404


def test_an_unknown_address_is_not_found(member):
    assert member.get(reverse("media", args=[uuid.uuid4()])).status_code == 404


def test_asking_for_the_head_sends_no_body(member, place):
    response = member.head(address(place(video())))

    assert response.status_code == 200
    assert body(response) == b""
    assert int(response["Content-Length"]) > 0


def test_media_cannot_be_posted_to(member, place):
    assert member.post(address(place(video()))).status_code == 405


def test_a_file_that_the_storage_lost_is_said_in_words(member, place):
    from django.core.files.storage import default_storage

    placement = place(encoded(scene(), "PNG"))
    default_storage.delete(placement.asset.storage_name)

    response = member.get(address(placement))

    assert response.status_code == 503


def test_a_large_file_is_sent_in_blocks(member, place):
    data = encoded(scene(size=(700, 700)).effect_spread(200), "BMP")
    placement = place(data)

    response = member.get(address(placement))

    blocks = list(response.streaming_content)
    assert len(blocks) > 1
    assert max(map(len, blocks)) <= 2**18


def test_a_page_of_pictures_costs_a_fixed_number_of_queries_each(member, place, django_assert_max_num_queries):
    placement = place(encoded(scene(), "PNG"))

    with django_assert_max_num_queries(4):
        member.get(address(placement, "media_thumbnail"))
