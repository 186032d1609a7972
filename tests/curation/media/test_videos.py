"""Videos: facts, refusals, rotation, notes, and the frames scorers see."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from curation.media import frames as frames_module
from curation.media.errors import MediaRefused
from curation.media.frames import fixed_rate_times, frames_at, frames_chosen, uniform_times
from curation.media.ingestion import ingest, inspect
from curation.media.limits import Limits
from tests.curation.media.drawn import decoded, encoded, scene, video

WEBM = {"codec": "libvpx-vp9", "format": "webm"}


@pytest.fixture
def stored(tmp_path):
    def store(data: bytes):
        path = tmp_path / "stored"
        path.write_bytes(data)
        return path

    return store


def refusal(data: bytes, **limits: int) -> str:
    with pytest.raises(MediaRefused) as refused:
        ingest(data, name="clip.mp4", limits=Limits(**limits))
    assert str(refused.value).startswith("clip.mp4: ")
    return refused.value.reason


@pytest.mark.parametrize(
    ("options", "codec", "mime"),
    [
        ({}, "h264", "video/mp4"),
        ({"format": "mov"}, "h264", "video/mp4"),
        ({"codec": "libvpx", "format": "webm"}, "vp8", "video/webm"),
        (WEBM, "vp9", "video/webm"),
        ({"codec": "libsvtav1"}, "av1", "video/mp4"),
    ],
)
def test_facts_of_a_video_are_counted_not_believed(options, codec, mime):
    data = video(24, fps=12, size=(96, 64), **options)

    taken = ingest(data)

    facts = taken.facts
    assert (facts.kind, facts.codec, facts.mime) == ("video", codec, mime)
    assert (facts.width, facts.height, facts.frames, facts.fps) == (96, 64, 24, 12.0)
    assert facts.duration_us == pytest.approx(2_000_000, abs=1000)
    assert taken.is_original
    assert decoded(taken.files.poster).size == (96, 64)


def test_the_dry_look_says_the_same_as_the_whole(stored):
    path = stored(video())

    dry, whole = inspect(path), ingest(path).facts

    assert (dry.width, dry.height, dry.frames, dry.duration_us, dry.fps) == (
        whole.width,
        whole.height,
        whole.frames,
        whole.duration_us,
        whole.fps,
    )


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("options", [{}, {"options": {"movflags": "+faststart"}}, WEBM])
def test_a_video_that_was_cut_off_is_refused(options, share):
    data = video(60, size=(160, 120), **options)

    refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"codec": "mpeg4"}, "codec mpeg4"),
        ({"pixel_format": "yuv444p"}, "pixel format yuv444p"),
        ({"format": "matroska"}, "H.264 in a Matroska file"),
    ],
)
def test_what_browsers_do_not_play_is_refused_with_the_way_to_convert_it(options, reason):
    with pytest.raises(MediaRefused, match=reason) as refused:
        ingest(video(**options), name="clip.mp4")

    assert "ffmpeg" in refused.value.remedy


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"video_bytes": 1000}, "a video may have 1,000"),
        ({"video_side": 63}, "no side may exceed 63"),
        ({"video_seconds": 1}, "may run for 1 s"),
        ({"video_frames": 23}, "may hold 23"),
    ],
)
def test_a_video_over_a_limit_is_refused(limits, reason):
    assert reason in refusal(video(24, fps=12), **limits)


def test_a_file_with_sound_alone_is_refused():
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    assert "no moving picture" in refusal(out.getvalue())


@pytest.mark.parametrize(("rotation", "corner"), [(90, (0, 1)), (-90, (1, 0)), (180, (1, 1))])
def test_a_turned_video_is_shown_as_a_player_shows_it(stored, rotation, corner):
    path = stored(video(size=(64, 32), rotation=rotation))

    taken = ingest(path)

    size = (64, 32) if rotation == 180 else (32, 64)
    assert (taken.facts.width, taken.facts.height) == size
    assert (taken.facts.stored_width, taken.facts.stored_height) == (64, 32)
    for shown in (decoded(taken.files.poster), frames_at(path, [0])[0].image):
        assert shown.size == size
        place = (size[0] // 4 + corner[0] * size[0] // 2, size[1] // 4 + corner[1] * size[1] // 2)
        opposite = (size[0] - place[0], size[1] - place[1])
        assert shown.getpixel(place)[0] > 200
        assert shown.getpixel(opposite)[0] < 50


@pytest.mark.parametrize("options", [{}, WEBM, {"rotation": 90}])
def test_notes_in_the_container_are_removed_and_the_frames_stay_bit_for_bit(options):
    data = video(tags={"comment": "a cat by model-x"}, **options)

    taken = ingest(data)

    clean = taken.files.rendition
    assert b"model-x" in data
    assert b"model-x" not in clean
    assert taken.facts.changes[0].lower() == "removed: comment"
    assert np.array_equal(all_frames(clean), all_frames(data))
    again = ingest(clean)
    assert again.is_original
    assert (again.facts.width, again.facts.height) == (taken.facts.width, taken.facts.height)
    assert ingest(data).rendition_sha256 == taken.rendition_sha256


def all_frames(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        return np.stack([frame.to_ndarray() for frame in container.decode(video=0)])


def shown_number(image: Image.Image) -> float:
    """Which frame of a drawn video this is, by the grey of its lower right quarter."""
    return image.getpixel((image.width * 3 // 4, image.height * 3 // 4))[0] / 8


def test_the_frame_of_a_time_is_the_one_a_player_shows_then(stored):
    path = stored(video(24, fps=8))

    times = [0, 124_999, 125_000, 1_000_000, 2_999_999, 99_000_000, 500_000]
    frames = frames_at(path, times)

    assert [round(shown_number(frame.image)) for frame in frames] == [0, 0, 1, 8, 23, 23, 4]
    assert [frame.time_us for frame in frames] == [0, 0, 125_000, 1_000_000, 2_875_000, 2_875_000, 500_000]


def test_one_time_asked_twice_is_one_frame(stored):
    first, second = frames_at(stored(video()), [500_000, 500_000])

    assert first == second


@pytest.mark.parametrize("options", [{}, WEBM])
def test_frames_are_chosen_by_number_out_of_all_there_are(options, stored):
    path = stored(video(24, fps=8, **options))
    asked = []

    def rule(count, rate):
        asked.append((count, rate))
        return [count - 1, 0, 5, 5]

    frames = frames_chosen(path, rule)

    assert [round(shown_number(frame.image)) for frame in frames] == [23, 0, 5, 5]
    assert [frame.time_us for frame in frames] == [2_875_000, 0, 625_000, 625_000]
    assert asked == [(24, 8)]


@pytest.mark.parametrize("stated", [0, 20, 30])
def test_frames_are_chosen_out_of_those_there_are_whatever_the_header_says(stated, stored, monkeypatch):
    path = stored(video(24, fps=8))
    monkeypatch.setattr(frames_module, "frames_stated", lambda *_opened: (stated, Fraction(8)))

    frames = frames_chosen(path, lambda count, _rate: [0, count // 2, count - 1])

    assert [round(shown_number(frame.image)) for frame in frames] == [0, 12, 23]


def test_a_rule_that_refuses_a_video_says_why(stored):
    def rule(count, _rate):
        raise ValueError(f"{count} frames are too many")

    with pytest.raises(ValueError, match="24 frames are too many"):
        frames_chosen(stored(video(24)), rule)


def test_times_of_equal_parts_are_their_middles():
    assert uniform_times(8_000_000, 4) == [1_000_000, 3_000_000, 5_000_000, 7_000_000]
    assert uniform_times(1, 1) == [0]
    with pytest.raises(ValueError, match="at least 1"):
        uniform_times(8_000_000, 0)


def test_times_at_a_fixed_rate_end_before_the_video_does():
    assert fixed_rate_times(1_000_000, 2, at_most=64) == [0, 500_000]
    assert fixed_rate_times(1_000_001, 2, at_most=64) == [0, 500_000, 1_000_000]
    assert fixed_rate_times(60_000_000, 2, at_most=4) == uniform_times(60_000_000, 4)
    with pytest.raises(ValueError, match="positive"):
        fixed_rate_times(1_000_000, 0, at_most=1)


def test_a_video_by_path_brings_no_copy_of_itself_home(stored):
    assert ingest(stored(video())).files.original is None


def test_a_video_is_never_taken_for_a_picture():
    assert ingest(encoded(scene(), "AVIF")).facts.kind == "image"
    assert ingest(video(2)).facts.kind == "video"
