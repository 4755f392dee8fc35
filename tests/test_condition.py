"""Is there anything to hear: silence and channels that cancel out are told, and ordinary stereo never is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sarcasm import report
from sarcasm.audio import Condition, lenient, read_waveform
from sarcasm.audio.condition import ConditionMeter
from sarcasm.corpus import Corpus
from sarcasm.prepare.clips import ExtractClip
from sarcasm.prepare.sound import Extract, read_sound
from sarcasm.prepare.videos import Video
from sarcasm.resampling import Resampler
from sarcasm.splits import Audit, AuditPolicy
from tests.conftest import make_table
from tests.video_fixtures import voice

RATE = 16_000
EXTRACT = Extract("own", RATE, None)
SOUND = voice(4.0, RATE, 1)
OTHER = voice(4.0, RATE, 2)
NOISE = np.random.default_rng(0).normal(0, 0.01, (len(SOUND), 2)).astype(np.float32)


def condition(*channels: np.ndarray, block: int = 7_001) -> Condition:
    samples = np.stack(channels, axis=1).astype(np.float32)
    meter = ConditionMeter(RATE)
    for start in range(0, len(samples), block):
        part = samples[start : start + block]
        meter.add(part, part.mean(axis=1))
    return meter.condition


CANCELS = {
    "opposite phase": (SOUND, -SOUND),
    "not quite as loud": (SOUND, -0.85 * SOUND),
    "with the noise of each channel": (SOUND + NOISE[:, 0] / 3, -SOUND + NOISE[:, 1] / 3),
    "two of six": (SOUND, -SOUND, *(0 * SOUND,) * 4),
    "two pairs": (SOUND, -SOUND, OTHER, -OTHER),
}


@pytest.mark.parametrize("channels", CANCELS.values(), ids=CANCELS)
def test_channels_that_leave_nothing_cancel_out_in_all_that_is_heard(channels):
    found = condition(*channels)
    assert found.cancels_out
    assert not found.is_silent
    assert found.cancelled_seconds == pytest.approx(found.heard_seconds, abs=0.2)


ORDINARY = {
    "one": (SOUND,),
    "the same twice": (SOUND, SOUND),
    "the same eight times": (SOUND,) * 8,
    "one of two": (SOUND, 0 * SOUND),
    "one of six": (SOUND, *(0 * SOUND,) * 5),
    "two voices": (SOUND, OTHER),
    "noise": (NOISE[:, 0], NOISE[:, 1]),
    "microphones apart": (SOUND, np.roll(SOUND, 11)),
    "a room": tuple(np.convolve(SOUND, NOISE[:800, n] * np.exp(-np.arange(800) / 200))[: len(SOUND)] for n in (0, 1)),
    "opposite offsets": (SOUND + 0.4, SOUND - 0.4),
    "opposite hum far below the voice": (SOUND + NOISE[:, 0] / 50, SOUND - NOISE[:, 0] / 50),
}


@pytest.mark.parametrize("channels", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_channels_do_not_cancel_out(channels):
    found = condition(*channels)
    assert not found.cancels_out
    assert found.faults == []


def test_a_part_that_cancels_out_is_measured():
    flipped = SOUND.copy()
    flipped[RATE : 2 * RATE] *= -1
    found = condition(SOUND, flipped)
    assert found.cancels_out
    assert found.cancelled_seconds == pytest.approx(1.0, abs=0.21)
    assert found.faults == [
        f"has channels that cancel out (opposite phase) in {found.cancelled_seconds:.1f} of the"
        f" {found.heard_seconds:.1f} s in which it is heard: their average, which is used, loses that"
    ]


@pytest.mark.parametrize("offset", [0, 0.25, -1])
def test_a_constant_is_silence_in_any_number_of_channels(offset):
    constant = np.full(RATE, offset)
    for channels in ((constant,), (constant, constant), (constant, -constant)):
        found = condition(*channels)
        assert found.is_silent
        assert found.faults == ["is silent"]
    assert not condition(SOUND + offset).is_silent


@given(block=st.integers(1, 9_000), n_samples=st.integers(1, 9_000))
@settings(max_examples=40, deadline=None)
def test_blocks_do_not_matter(block, n_samples):
    channels = SOUND[:n_samples], (0.3 - SOUND)[:n_samples]
    found, whole = condition(*channels, block=block), condition(*channels, block=n_samples)
    assert found.peak == whole.peak
    assert found.cancelled_seconds == pytest.approx(whole.cancelled_seconds)
    assert found.heard_seconds == pytest.approx(whole.heard_seconds)


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_a_constant_at_another_rate_is_silent_though_its_ends_ring(tmp_path, sample_rate):
    soundfile.write(tmp_path / "clip.wav", np.full((sample_rate, 2), 0.5), sample_rate)
    found: list[Condition] = []
    read_waveform(tmp_path / "clip.wav", Resampler.reference, examine=found.append)
    assert [each.is_silent for each in found] == [True]


def test_a_run_says_so_of_its_clips():
    table = make_table([True, False, True, False], [1, 1, 1, 1])
    found = Condition(0.5), Condition(0.0), Condition(0.01, 2.0, 1.96), Condition(0.0, 3.0, 3.0)
    table = replace(table, conditions=found)
    assert report.cautions(Corpus(table.utterances), table, [], Audit((), (), (), AuditPolicy.warn)) == [
        "2 clips have channels that cancel out (opposite phase), so that their average, which is what is used, loses the"
        " sound (turn one channel's sign, or keep one channel alone): 1_002 (in 2.0 of 2.0 s), 1_003 (in 3.0 of 3.0 s).",
        "1 clip is silent: 1_001.",
    ]


def stereo_video(path: Path, left: np.ndarray, right: np.ndarray, format_: str = "s16") -> Path:
    """A Matroska file whose sound is stereo, with samples of that format."""
    samples = np.stack([left, right], axis=1)
    whole = samples.astype(np.float32) if format_ == "flt" else np.round(samples * 2**15).astype(np.int16)
    with av.open(path, "w", format="matroska") as container:
        stream = container.add_stream({"flt": "pcm_f32le", "s16": "pcm_s16le"}[format_], rate=RATE, layout="stereo")
        for start in range(0, len(whole), 1_024):
            part = whole[start : start + 1_024]
            frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format=format_, layout="stereo")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("format_", ["s16", "flt"])
def test_what_ffmpeg_reads_is_measured_like_the_rest(tmp_path, format_):
    for right, cancels in ((-SOUND, True), (SOUND, False)):
        path = stereo_video(tmp_path / "clip.mkv", SOUND, right, format_)
        with path.open("rb") as file:
            found = read_sound(file, RATE).condition
        expected = condition(SOUND, right)
        assert found.cancels_out == cancels
        assert found.heard_seconds == pytest.approx(expected.heard_seconds, abs=0.11)
        assert found.peak == pytest.approx(expected.peak, abs=1e-3)


def test_whoever_brings_a_clip_is_told(tmp_path):
    soundfile.write(tmp_path / "opposite.flac", np.stack([SOUND, -SOUND], axis=1), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "good.wav", SOUND, RATE)
    with lenient() as told:
        for name in ("opposite.flac", "silent.wav", "good.wav"):
            read_waveform(tmp_path / name, Resampler.soxr)
    found = condition(SOUND, -SOUND)
    assert told == [
        f"{tmp_path / 'opposite.flac'} has channels that cancel out (opposite phase) in {found.cancelled_seconds:.1f} of"
        f" the {found.heard_seconds:.1f} s in which it is heard: their average, which is used, loses that",
        f"{tmp_path / 'silent.wav'} is silent",
    ]


def test_a_clip_made_of_a_video_whose_channels_cancel_out_is_recorded_so(tmp_path):
    video = stereo_video(tmp_path / "clip.mkv", SOUND, -SOUND)
    work = ExtractClip("1_60", tmp_path / "1_60.wav", Video(video, "", video.stat().st_size, None), None, EXTRACT)
    warnings = work.make().warnings
    assert [each.partition(" in ")[0] for each in warnings] == [
        "has channels that cancel out (opposite phase)",
        "silent",
    ]
