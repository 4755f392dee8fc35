"""Reading clips: any format, exact samples, and one plain sentence for whatever is wrong with a file."""

from __future__ import annotations

import io
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sarcasm.audio import SAMPLE_RATE, read_waveform
from sarcasm.errors import AudioError
from sarcasm.resampling import Resampler, resample

REFERENCE = Resampler.reference
AGAIN = "copy or extract it again"
LOSSLESS = [
    *(("WAV", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT")),
    *((format_, "PCM_16") for format_ in ("FLAC", "AIFF", "AU", "W64", "RF64", "WAVEX", "NIST")),
    ("CAF", "PCM_16"),  # codespell:ignore
]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "ULAW"), ("WAV", "MS_ADPCM")]


def tone(seconds: float = 1.0, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """float64 [samples], on the grid of 16-bit samples."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    return np.round(0.5 * np.sin(2 * np.pi * 440 * time) * 2**15) / 2**15


def encoded(
    samples: np.ndarray, sample_rate: int = SAMPLE_RATE, format_: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    """The bytes of an audio file."""
    memory = io.BytesIO()
    soundfile.write(memory, samples, sample_rate, format=format_, subtype=subtype)
    return memory.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def complaint(path: Path, clip: str = "2_97") -> str:
    """What reading the file raises, without the name of clip and file that every message starts with."""
    with pytest.raises(AudioError) as raised:
        read_waveform(path, REFERENCE, clip)
    message = str(raised.value)
    assert message.startswith(f"clip {clip}: {path} ")
    assert "\n" not in message
    return message.removeprefix(f"clip {clip}: {path} ")


# What is read


@pytest.mark.parametrize(("format_", "subtype"), LOSSLESS)
def test_a_lossless_file_gives_its_samples(tmp_path: Path, format_: str, subtype: str) -> None:
    path = written(tmp_path / "clip", encoded(tone(), SAMPLE_RATE, format_, subtype))
    waveform = read_waveform(path, REFERENCE)
    assert waveform.dtype == np.float32
    assert_array_equal(waveform, tone().astype(np.float32))


@pytest.mark.parametrize(("format_", "subtype"), LOSSY)
def test_a_lossy_file_gives_nearly_its_samples(tmp_path: Path, format_: str, subtype: str) -> None:
    path = written(tmp_path / "clip", encoded(tone(), SAMPLE_RATE, format_, subtype))
    assert_allclose(read_waveform(path, REFERENCE)[4000:12000], tone()[4000:12000], atol=0.1)


def test_16_bit_samples_are_divided_by_32768(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(np.array([-32768, -1, 0, 1, 32767], np.int16)))
    assert_array_equal(read_waveform(path, REFERENCE), np.float32([-32768, -1, 0, 1, 32767]) / 32768)


def test_channels_are_averaged(tmp_path: Path) -> None:
    channels = np.stack([tone(), 0.25 * tone(), np.zeros(SAMPLE_RATE)], axis=1)
    path = written(tmp_path / "clip.wav", encoded(channels, subtype="FLOAT"))
    assert_allclose(read_waveform(path, REFERENCE), tone() * 1.25 / 3, atol=1e-7)


def test_a_floating_file_beyond_full_scale_is_left_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(3 * tone(), subtype="FLOAT"))
    assert_array_equal(read_waveform(path, REFERENCE), (3 * tone()).astype(np.float32))


@pytest.mark.parametrize("resampler", Resampler)
@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 48_000])
def test_other_rates_are_brought_to_16_khz_after_averaging(
    tmp_path: Path, sample_rate: int, resampler: Resampler
) -> None:
    samples = tone(0.5, sample_rate).astype(np.float32)
    path = written(tmp_path / "clip.wav", encoded(np.stack([samples, samples], axis=1), sample_rate, subtype="FLOAT"))
    assert_array_equal(read_waveform(path, resampler), resample(samples, sample_rate, SAMPLE_RATE, resampler))


def test_a_clip_of_many_blocks_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sarcasm.audio.libsndfile.BLOCK_SAMPLES", 1_000)
    path = written(tmp_path / "clip.flac", encoded(np.stack([tone(), tone()], axis=1), format_="FLAC"))
    assert_array_equal(read_waveform(path, REFERENCE), tone().astype(np.float32))


@pytest.mark.parametrize("name", ["clip.raw", "clip.mp4", "clip", "clip.gsm", "süß 2.wav"])
def test_the_name_of_a_file_does_not_matter(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, encoded(tone()))
    assert len(read_waveform(path, REFERENCE)) == SAMPLE_RATE


@pytest.mark.parametrize("whole", [0, 0xFFFF_FFFF, 0x7FFF_F024, None])
@pytest.mark.parametrize("sound", [0, 0xFFFF_FFFF, 0x7FFF_F000])
def test_a_wav_written_into_a_pipe_goes_on_to_its_end(tmp_path: Path, whole: int | None, sound: int) -> None:
    content = bytearray(encoded(tone()))
    if whole is not None:
        struct.pack_into("<I", content, 4, whole)
    struct.pack_into("<I", content, 40, sound)
    path = written(tmp_path / "clip.wav", bytes(content))
    assert_array_equal(read_waveform(path, REFERENCE), tone().astype(np.float32))


def test_a_flac_of_unknown_length_goes_on_to_its_end(tmp_path: Path) -> None:
    content = bytearray(encoded(tone(), format_="FLAC"))
    # STREAMINFO: the number of samples is the last 36 bits before the checksum.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path = written(tmp_path / "clip.flac", bytes(content))
    assert_array_equal(read_waveform(path, REFERENCE), tone().astype(np.float32))


def test_what_follows_the_sound_may_be_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(tone()) + b"LIST\xff\0\0\0INFO")
    assert_array_equal(read_waveform(path, REFERENCE), tone().astype(np.float32))


# What is wrong with a file


def test_a_missing_file(tmp_path: Path) -> None:
    assert complaint(tmp_path / "clip.wav") == "is not there; put the file there, or take the clip out of the labels"


def test_a_file_taken_for_a_folder(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(tone())) / "clip.wav"
    assert complaint(path) == "is not there; put the file there, or take the clip out of the labels"


def test_a_folder(tmp_path: Path) -> None:
    assert complaint(tmp_path) == "is a folder; name the audio file itself"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clip.wav")
    assert complaint(tmp_path / "clip.wav") == "is not a regular file; name an audio file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(tone()))
    path.chmod(0)
    assert complaint(path) == "may not be read (permission denied); change its permissions"


def test_a_file_that_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path / "clip.wav", encoded(tone()))
    monkeypatch.setattr(Path, "open", refuse)
    assert complaint(path) == "may not be read (permission denied); change its permissions"


def test_an_impossible_name(tmp_path: Path) -> None:
    assert complaint(tmp_path / ("x" * 300)) == "cannot be read (File name too long); check its name and disk"
    assert complaint(tmp_path / "x\0y") == "cannot be read (embedded null byte); check its name and disk"


def test_an_empty_file(tmp_path: Path) -> None:
    assert complaint(written(tmp_path / "clip.wav", b"")) == f"is empty (0 bytes); {AGAIN}"


@pytest.mark.parametrize(
    ("format_", "subtype"), [("WAV", "PCM_16"), ("AU", "PCM_16"), ("AIFF", "PCM_16"), ("WAV", "FLOAT")]
)
def test_a_header_without_sound(tmp_path: Path, format_: str, subtype: str) -> None:
    path = written(tmp_path / "clip", encoded(np.zeros(0), SAMPLE_RATE, format_, subtype))
    assert complaint(path) == f"holds no sound, only a header; {AGAIN}"


def test_no_sound_but_further_chunks(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(np.zeros(0)) + b"LIST\4\0\0\0INFO")
    assert complaint(path) == f"holds no sound, only a header; {AGAIN}"


def test_something_else_than_audio(tmp_path: Path) -> None:
    assert complaint(written(tmp_path / "clip.wav", b"dear reader, this is text\n" * 99)) == (
        "is not audio that libsndfile knows (Format not recognised); convert it to WAV, with ffmpeg say"
    )


def test_a_video_with_nothing_in_it(tmp_path: Path) -> None:
    content = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(999)
    assert complaint(written(tmp_path / "clip.wav", content)) == (
        "is truncated or damaged: it begins as an MP4 does, and is no video that FFmpeg can read, or a damaged one"
        " (Invalid data found when processing input); copy or extract it again"
    )


@pytest.mark.parametrize(
    ("format_", "promised"), [("WAV", 32_000), ("AIFF", 32_008), ("AU", 32_000), ("RF64", 32_000), ("SVX", 32_000)]
)
def test_a_truncated_file_of_plain_samples(tmp_path: Path, format_: str, promised: int) -> None:
    n_there = promised - 20_000
    path = written(tmp_path / "clip", encoded(tone(), SAMPLE_RATE, format_)[:-20_000])
    assert complaint(path) == (
        f"is truncated: {n_there} of the {promised} bytes of sound that its header promises are there; {AGAIN}"
    )


def test_a_single_missing_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(tone())[:-1])
    assert complaint(path).startswith("is truncated: 31999 of the 32000 bytes")


def test_a_truncated_mp3(tmp_path: Path) -> None:
    content = encoded(tone(5), SAMPLE_RATE, "MP3", "MPEG_LAYER_III")
    path = written(tmp_path / "clip.mp3", content[: len(content) // 2])
    fault = complaint(path)
    assert re.fullmatch(rf"is truncated: \d+ of the 80000 samples that its header promises are there; {AGAIN}", fault)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_without_its_last_page(tmp_path: Path, subtype: str) -> None:
    random = np.random.default_rng(0)
    content = encoded(0.1 * random.standard_normal(5 * SAMPLE_RATE), SAMPLE_RATE, "OGG", subtype)
    path = written(tmp_path / "clip.ogg", content[: int(len(content) * 0.9)])
    assert complaint(path) == f"is truncated: it stops before its last page; {AGAIN}"


def test_a_truncated_flac(tmp_path: Path) -> None:
    content = encoded(tone(5), SAMPLE_RATE, "FLAC")
    fault = complaint(written(tmp_path / "clip.flac", content[: len(content) // 2]))
    assert fault == f"cannot be decoded (flac decoder lost sync); {AGAIN}"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_samples_that_are_not_finite(tmp_path: Path, bad: float, n_channels: int) -> None:
    samples = np.zeros((SAMPLE_RATE, n_channels), np.float32)
    samples[4_000:, -1] = bad
    fault = complaint(written(tmp_path / "clip.wav", encoded(samples, subtype="FLOAT")))
    assert fault == "has samples that are not finite (NaN or infinite), the first at 0.250 s; make it again"


def test_samples_that_no_recording_has(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(np.full(99, 1e30), subtype="FLOAT"))
    assert complaint(path) == f"has samples as large as 1e+30, where 1 is full scale: it is damaged; {AGAIN}"


@pytest.mark.parametrize("sample_rate", [1, 999, 1_000_001, 2_000_000_000])
def test_an_impossible_rate(tmp_path: Path, sample_rate: int) -> None:
    path = written(tmp_path / "clip.wav", encoded(tone(), sample_rate))
    assert complaint(path) == (
        f"has a sample rate of {sample_rate} Hz, not within 1000 and 1000000 Hz: its header is damaged; {AGAIN}"
    )


def test_less_than_one_sample_at_16_khz(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.wav", encoded(np.zeros(2), 48_000))
    assert complaint(path) == f"holds 2 samples at 48000 Hz, less than one at 16000 Hz; {AGAIN}"


def test_without_a_clip_the_file_is_named_alone(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=f"^{re.escape(str(tmp_path))} is a folder; name the audio file itself$"):
        read_waveform(tmp_path, REFERENCE)


# Laws over any content

VALID = {
    f"{format_}/{subtype}": encoded(tone(0.2), SAMPLE_RATE, format_, subtype)
    for format_, subtype in [*LOSSLESS, *LOSSY[:2], *LOSSY[3:]]
}


def read_or_refuse(path: Path) -> None:
    """What must hold of any file at all."""
    try:
        waveform = read_waveform(path, REFERENCE, "2_97")
    except AudioError:
        complaint(path)
    else:
        assert waveform.dtype == np.float32
        assert waveform.ndim == 1
        assert len(waveform) >= 1
        assert np.isfinite(waveform).all()


at_any = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(
    content=st.binary(max_size=2_000),
    head=st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS\0", b"FORM", b".snd"]),
)
@at_any
def test_random_bytes_are_read_or_refused(tmp_path: Path, content: bytes, head: bytes) -> None:
    read_or_refuse(written(tmp_path / "clip.wav", head + content))


@given(kind=st.sampled_from(sorted(VALID)), kept=st.floats(0, 1))
@at_any
def test_a_truncated_file_is_read_or_refused(tmp_path: Path, kind: str, kept: float) -> None:
    content = VALID[kind]
    read_or_refuse(written(tmp_path / "clip", content[: int(kept * len(content))]))


@given(kept=st.integers(0, len(VALID["WAV/PCM_16"]) - 1))
@at_any
def test_a_truncated_wav_is_never_taken_for_whole(tmp_path: Path, kept: int) -> None:
    complaint(written(tmp_path / "clip.wav", VALID["WAV/PCM_16"][:kept]))


@given(
    kind=st.sampled_from(sorted(VALID)),
    flips=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 7)), min_size=1, max_size=12),
)
@at_any
def test_flipped_bits_are_read_or_refused(tmp_path: Path, kind: str, flips: list[tuple[int, int]]) -> None:
    content = bytearray(VALID[kind])
    for position, bit in flips:
        # Mostly in the header, where it hurts.
        content[position % (len(content) if position > 1_000 else 100)] ^= 1 << bit
    read_or_refuse(written(tmp_path / "clip", bytes(content)))
