"""The sound of videos: what FFmpeg's libraries give, and what is wrong with a video that has none to give."""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sarcasm.errors import ConfigError, VideoError
from sarcasm.prepare.sound import SPEECHNORM, Extract, read_sound
from tests.video_fixtures import voice, write_video


def read(path: Path, sample_rate: int | None = 16_000, speechnorm: str | None = None):
    return read_sound(io.BytesIO(path.read_bytes()), sample_rate, speechnorm)


def complaint(path: Path) -> str:
    with pytest.raises(VideoError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize(("rate", "codec", "suffix"), [(44_100, "aac", "mp4"), (48_000, "aac", "mp4"), (22_050, "aac", "mp4"), (16_000, "aac", "mkv"), (44_100, "mp3", "avi")])  # fmt: skip
def test_sound_comes_out_mono_at_16_khz_and_as_long_as_it_went_in(tmp_path, rate, codec, suffix):
    spoken = voice(2.0, rate, 3)
    sound = read(write_video(tmp_path / f"clip.{suffix}", spoken, rate, codec))
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert sound.sample_rate == 16_000
    assert sound.damaged_packets == 0
    # An encoder fills its last frames.
    assert 2.0 <= len(sound.samples) / 16_000 < 2.0 + 4 * 1152 / rate
    assert sound.promised_seconds == pytest.approx(2.0, abs=0.15)


def test_sound_is_what_was_spoken(tmp_path):
    spoken = voice(2.0, 48_000, 4)
    sound = read(write_video(tmp_path / "clip.mp4", spoken, 48_000, options={}), 48_000).samples
    lag = int(np.argmax(np.correlate(sound[:60_000], spoken[:48_000], "valid")))
    assert np.corrcoef(sound[lag : lag + 48_000], spoken[:48_000])[0, 1] > 0.99


def test_channels_are_averaged(tmp_path):
    tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100).astype(np.float32) * 0.5
    one_side = read(write_video(tmp_path / "stereo.mp4", np.stack([tone, np.zeros_like(tone)])))
    both = read(write_video(tmp_path / "mono.mp4", tone))
    middle = slice(4000, 12_000)
    assert_allclose(np.std(one_side.samples[middle]), np.std(both.samples[middle]) / 2, rtol=0.02)


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="the ffmpeg program is not installed here")
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_the_ffmpeg_program_gives_the_same(tmp_path, rate):
    spoken = voice(1.5, rate, 5)
    video = write_video(tmp_path / "clip.mp4", np.stack([spoken, 0.3 * spoken]), rate)
    wav = tmp_path / "clip.wav"
    command = ["ffmpeg", "-v", "error", "-i", video, "-vn", "-ac", "1", "-ar", "16000", "-sample_fmt", "s16", wav]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    expected, _ = soundfile.read(wav, dtype="float32")
    sound = read(video).samples
    # Other versions of FFmpeg end a resampled stream some samples earlier or later.
    n_samples = min(len(sound), len(expected))
    assert abs(len(sound) - len(expected)) < 64
    assert_allclose(sound[: n_samples - 64], expected[: n_samples - 64], atol=1e-4)


def test_without_a_rate_that_of_the_stream_is_kept(tmp_path):
    sound = read(write_video(tmp_path / "clip.mp4", voice(1.0, 44_100, 1)), None)
    assert sound.sample_rate == 44_100
    assert len(sound.samples) / 44_100 == pytest.approx(1.0, abs=0.1)


def test_the_first_of_several_sound_streams_is_taken(tmp_path):
    import av

    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_f32le", rate=16_000, layout="mono") for _ in range(2)]
        for stream, level in zip(streams, (0.25, 0.75), strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), level, np.float32), "flt", "mono")
            frame.sample_rate, frame.pts = 16_000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    assert_allclose(read(path).samples, 0.25, atol=1e-6)


def test_speechnorm_evens_out_levels(tmp_path):
    quiet = 0.05 * voice(2.0, 48_000, 2)
    video = write_video(tmp_path / "clip.mp4", quiet, 48_000)
    plain, evened = read(video, 48_000), read(video, 48_000, SPEECHNORM)
    assert len(evened.samples) == len(plain.samples)
    assert np.std(evened.samples) > 3 * np.std(plain.samples)


def test_a_video_without_a_sound_stream_is_refused(tmp_path):
    assert complaint(write_video(tmp_path / "clip.mp4", None)) == "has no sound: there is no audio stream"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_video_whose_index_comes_first_is_refused(tmp_path, share):
    video = write_video(tmp_path / "clip.mp4", voice(4.0, 44_100, 1), options={"movflags": "faststart"})
    content = video.read_bytes()
    video.write_bytes(content[: int(len(content) * share)])
    assert complaint(video).startswith(
        ("is truncated or damaged: ", "is no video that FFmpeg can read, or a damaged one")
    )


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_a_truncated_video_whose_index_comes_last_is_refused(tmp_path, share):
    video = write_video(tmp_path / "clip.mp4", voice(2.0, 44_100, 1))
    content = video.read_bytes()
    video.write_bytes(content[: int(len(content) * share)])
    assert complaint(video).startswith(
        ("is no video that FFmpeg can read, or a damaged one (", "has no sound: there is no audio stream")
    )


def test_a_promise_of_more_than_is_there_is_refused_with_both_numbers(tmp_path):
    video = write_video(tmp_path / "clip.mkv", voice(2.0, 16_000, 1), 16_000, "pcm_s16le")
    content = video.read_bytes()
    # Matroska's Duration element: id 0x4489, size 8, a double in milliseconds.
    place = content.index(b"\x44\x89\x88") + 3
    assert struct.unpack(">d", content[place : place + 8])[0] == pytest.approx(2000, abs=50)
    video.write_bytes(content[:place] + struct.pack(">d", 5000.0) + content[place + 8 :])
    assert complaint(video) == "is truncated or damaged: 2.00 of the 5.00 s that it promises are there"


def test_packets_that_cannot_be_decoded_are_left_out_and_counted(tmp_path):
    video = write_video(tmp_path / "clip.mp4", voice(3.0, 44_100, 6))
    content = bytearray(video.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    rng = np.random.default_rng(1)
    middle = (start + end) // 2
    content[middle : middle + 300] = rng.integers(0, 256, 300, np.uint8).tobytes()
    video.write_bytes(content)
    sound = read(video)
    assert sound.damaged_packets > 0
    assert len(sound.samples) / 16_000 == pytest.approx(3.0, abs=0.1)


@given(content=st.binary(max_size=300))
@settings(deadline=None, max_examples=60)
def test_any_bytes_are_refused_in_one_line(content):
    with pytest.raises(VideoError) as caught:
        read_sound(io.BytesIO(content), 16_000)
    assert "\n" not in str(caught.value)


@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_video_with_wrong_bytes_gives_sound_or_is_refused(published, data):
    content = bytearray((published.videos / "2_97.mp4").read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20)):
        content[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(VideoError):
        sound = read_sound(io.BytesIO(bytes(content)), 16_000)
        assert len(sound.samples)
        assert np.isfinite(sound.samples).all()


def test_an_impossible_rate_is_refused():
    with pytest.raises(ConfigError, match=r"^extract\.sample_rate=100: Hz between 8000 and 192000 are needed$"):
        Extract("own", 100, None)
