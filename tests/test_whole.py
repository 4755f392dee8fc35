"""Whole or not: what a file promises of its sound, and what becomes of it where less is there."""

from __future__ import annotations

import contextlib
import io
import pickle
import random
import re
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.testing import assert_array_equal

from sarcasm.audio import lenient, read_samples, read_waveform
from sarcasm.errors import AudioError, UnknownFormatError, VideoError
from sarcasm.prepare.sound import read_sound
from sarcasm.resampling import Resampler
from tests.video_fixtures import damaged_video, voice, write_video

RATE = 16_000
AGAIN = "copy or extract it again"


def hum(seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    """float32 [n], a tone whose level swells."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * time) * (1 + 0.3 * np.sin(6 * np.pi * time))).astype(np.float32)


@cache
def by_libsndfile(format_: str, subtype: str, seconds: float = 2.0) -> bytes:
    memory = io.BytesIO()
    soundfile.write(memory, hum(seconds), RATE, format=format_, subtype=subtype)
    return memory.getvalue()


def by_ffmpeg(
    format_: str, codec: str, samples: np.ndarray, rate: int = RATE, quality: int | None = None, **options: str
) -> bytes:
    memory = io.BytesIO()
    with av.open(memory, "w", format=format_, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        if quality is not None:
            stream.codec_context.flags |= av.codec.context.Flags.qscale
            stream.codec_context.global_quality = quality * 118
        fifo = av.AudioFifo()
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate)
        frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
        frame.sample_rate, frame.pts = rate, 0
        for each in resampler.resample(frame):
            fifo.write(each)
        while (part := fifo.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return memory.getvalue()


@cache
def mp3(seconds: float = 2.0, rate: int = RATE, *, is_counted: bool = False) -> bytes:
    return by_ffmpeg("mp3", "libmp3lame", hum(seconds, rate), rate, write_xing=str(int(is_counted)), id3v2_version="0")


@cache
def packed(format_: str, codec: str, rate: int = RATE) -> bytes:
    return by_ffmpeg(format_, codec, hum(1.0, rate), rate)


def read(content: bytes, folder: Path) -> np.ndarray:
    (folder / "clip").write_bytes(content)
    return read_samples(folder / "clip")[0]


def complaint(content: bytes, folder: Path) -> str:
    with pytest.raises(AudioError) as raised:
        read(content, folder)
    assert str(raised.value).startswith(f"{folder / 'clip'} ")
    return str(raised.value).removeprefix(f"{folder / 'clip'} ")


# --- frames of MP3 ---


@pytest.mark.parametrize("first", ["loud", "quiet"])
def test_frames_that_nothing_counts_are_read_to_the_last_one(tmp_path, rng, first):
    noise, tone = 0.3 * rng.standard_normal(RATE).astype(np.float32).clip(-3, 3), 0.2 * hum(5.0)
    parts = [noise, tone] if first == "loud" else [np.zeros_like(noise), 3 * tone]
    content = by_ffmpeg(
        "mp3", "libmp3lame", np.concatenate(parts), quality=4, write_xing="0", id3v2_version="0"
    )  # variable bit rate: the first frames mislead whoever guesses from them
    assert len(read(content, tmp_path)) == 169 * 576


def apev2(n_bytes: int) -> bytes:
    head = struct.pack("<8sIII", b"APETAGEX", 2000, n_bytes + 32, 1)
    return head + struct.pack("<I8x", 0xA000_0000) + bytes(n_bytes) + head + struct.pack("<I8x", 0x8000_0000)


AROUND = {
    "a cover": (b"ID3\3\0\0\0\0\x10\0" + b"\xff\xfb\x90\x64" * 512, b""),
    "two tags": (b"ID3\3\0\0\0\0\0\x10" + bytes(16) + b"ID3\4\0\0\0\0\1\0" + bytes(128), b""),
    "ID3v1": (b"", b"TAG" + bytes(125)),
    "APE": (b"", apev2(300)),
    "lyrics": (b"", b"LYRICSBEGIN" + b"la " * 30 + b"000104LYRICS200TAG" + bytes(125)),
    "zeros": (b"", bytes(5000)),
    "half a frame": (b"", mp3()[:50]),
}


@pytest.mark.parametrize("around", AROUND)
def test_what_stands_around_the_frames_changes_nothing(tmp_path, around):
    before, behind = AROUND[around]
    assert_array_equal(read(before + mp3() + behind, tmp_path), read(mp3(), tmp_path))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_frames_of_every_version_are_read_to_the_last_one(tmp_path, rate):
    n_each = 1152 if rate > 24_000 else 576
    assert 2 * rate < len(read(mp3(2.0, rate), tmp_path)) < 2 * rate + 4 * n_each


def test_frames_of_a_free_bit_rate_are_read(tmp_path):
    content = bytearray(mp3())
    for place in range(0, len(content), 108):  # 24 kbit/s at 16 kHz
        assert content[place] == 0xFF
        content[place + 2] &= 0x0F
    assert len(read(bytes(content), tmp_path)) == len(read(mp3(), tmp_path))


def test_counted_frames_are_trimmed_to_what_was_encoded(tmp_path):
    assert len(read(mp3(is_counted=True), tmp_path)) == 2 * RATE


def test_counted_frames_that_are_missing_are_counted(tmp_path):
    content = mp3(is_counted=True)
    assert complaint(content[: len(content) // 2], tmp_path) == (
        f"is truncated: 16128 of the 32000 samples that its header promises are there; {AGAIN}"
    )


@pytest.mark.parametrize("count", [0, 10])
def test_more_frames_than_counted_are_read_to_the_last_one(tmp_path, count):
    content = bytearray(mp3(is_counted=True))
    place = content.index(b"Xing" if b"Xing" in content[:64] else b"Info") + 8
    content[place : place + 4] = struct.pack(">I", count)
    assert len(read(bytes(content), tmp_path)) == 58 * 576


def test_files_that_were_put_after_one_another_are_read_to_the_end(tmp_path):
    counted, tag = mp3(is_counted=True), b"TAG" + bytes(125)
    assert len(read(counted + tag + counted, tmp_path)) == (58 + 1 + 58) * 576


@pytest.mark.parametrize("is_counted", [False, True])
@pytest.mark.parametrize("place", [0, 1, 3000])
def test_a_frame_that_is_lost_is_noticed(tmp_path, is_counted, place):
    content = bytearray(mp3(is_counted=is_counted))
    start = content.index(b"\xff\xf3", place)
    content[start + 1] ^= 0x80
    fault = complaint(bytes(content), tmp_path)
    assert fault.startswith("is damaged: ")
    assert fault.endswith(AGAIN)


def test_a_bit_rate_that_became_free_ends_nothing_in_a_loop(tmp_path):
    content = bytearray(mp3())
    place = content.index(b"\xff\xf3", 3000)
    content[place + 2] &= 0x0F
    assert complaint(bytes(content), tmp_path).startswith("is damaged: ")


def test_a_count_whose_writer_is_misspelt_is_checked_all_the_same(tmp_path):
    content = bytearray(by_libsndfile("MP3", "MPEG_LAYER_III"))
    content[content.index(b"LAME") + 3] ^= 0x80
    assert complaint(bytes(content), tmp_path) == f"is damaged: the checksum of its first frame is wrong; {AGAIN}"


def test_mp3_in_wav_is_read_as_mp3(tmp_path):
    assert len(read(by_ffmpeg("wav", "libmp3lame", hum()), tmp_path)) == 58 * 576


# --- pages of Ogg ---


def pages(content: bytes) -> list[bytes]:
    return [b"OggS" + page for page in content.split(b"OggS")[1:]]


def checksum(page: bytes) -> bytes:
    """By the bit, as RFC 3533 has it."""
    crc = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return struct.pack("<I", crc)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_last_page_without_its_mark_is_read_to_the_bit(tmp_path, subtype):
    *others, last = pages(by_libsndfile("OGG", subtype))
    assert last[5] & 4
    assert last[22:26] == checksum(last)
    unmarked = last[:5] + bytes([last[5] & ~4]) + last[6:]
    unmarked = unmarked[:22] + checksum(unmarked) + unmarked[26:]
    waveform = read(b"".join([*others, unmarked]), tmp_path)
    assert len(waveform) == 2 * RATE
    assert_array_equal(waveform, read(by_libsndfile("OGG", subtype), tmp_path))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_page_that_is_missing_is_counted(tmp_path, subtype):
    every = pages(by_libsndfile("OGG", subtype, 6.0))
    del every[2]
    fault = complaint(b"".join(every), tmp_path)
    assert fault.startswith(f"is damaged: 1 of its {len(every) + 1} pages are damaged or missing, and up to ")
    assert fault.endswith(f" of its 6.00 s with them; {AGAIN}")


def test_a_file_that_ends_within_a_packet_is_truncated(tmp_path):
    *others, last = pages(by_libsndfile("OGG", "VORBIS"))
    open_ended = last[:5] + b"\0" + last[6:26] + b"\1\xff" + bytes(255)
    open_ended = open_ended[:22] + checksum(open_ended) + open_ended[26:]
    assert complaint(b"".join([*others, open_ended]), tmp_path) == (
        f"is truncated: it stops before its last page; {AGAIN}"
    )


def test_what_follows_the_last_page_is_no_sound(tmp_path):
    content = by_libsndfile("OGG", "VORBIS")
    assert_array_equal(read(content + b"TAG" + bytes(125), tmp_path), read(content, tmp_path))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_chain_is_read_to_its_end(tmp_path, subtype):
    content = by_libsndfile("OGG", subtype) + by_libsndfile("OGG", subtype, 1.25)
    (tmp_path / "clip").write_bytes(content)
    assert len(read_waveform(tmp_path / "clip", Resampler.soxr)) == pytest.approx(3.25 * RATE, abs=0.05 * RATE)


def test_flac_in_ogg_is_read_to_the_bit(tmp_path):
    samples = np.round(hum() * 2**15) / 2**15
    assert_array_equal(read(by_ffmpeg("ogg", "flac", samples.astype(np.float32)), tmp_path), samples)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_any_bit_of_an_ogg_that_is_wrong_is_noticed(tmp_path, subtype):
    content = by_libsndfile("OGG", subtype, 0.5)
    for place in random.Random(0).sample(range(8 * len(content)), 40):
        assert "is " in complaint(flipped(content, place), tmp_path)


# --- sizes in headers ---


@pytest.mark.parametrize(
    ("format_", "subtype"),
    [
        ("W64", "PCM_16"), ("W64", "IMA_ADPCM"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("VOC", "PCM_16"),
        ("NIST", "PCM_16"), ("NIST", "ULAW"), ("AVR", "PCM_16"), ("WVE", "ALAW"), ("WAV", "PCM_16"), ("AIFF", "FLOAT"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_header_that_counts_more_than_is_there_is_believed(tmp_path, format_, subtype, kept):
    content = by_libsndfile(format_, subtype)
    assert len(read(content, tmp_path)) >= 2 * RATE
    assert complaint(content[: int(kept * len(content))], tmp_path).startswith(("is truncated: ", "cannot be decoded"))


def wav(described: bytes, sound: bytes, n_promised: int | None = None) -> bytes:
    body = b"WAVEfmt " + struct.pack("<I", len(described)) + described
    body += b"data" + struct.pack("<I", len(sound) if n_promised is None else n_promised) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


PCM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
EXTENSIBLE = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 16, 4)
GUID = bytes.fromhex("0100000000001000800000aa00389b71")


@pytest.mark.parametrize(
    "described",
    [PCM[:14], PCM, PCM + b"\0\0", PCM + b"\x16\0", PCM + bytes(4), PCM + bytes(24), EXTENSIBLE + GUID,
     EXTENSIBLE[:18] + bytes(6) + GUID, EXTENSIBLE + GUID[:2] + bytes(14)],
    ids=["14", "16", "18", "18_wrong", "20", "40_plain", "40", "40_no_bits", "40_odd_guid"],
)  # fmt: skip
def test_samples_are_read_whatever_describes_them(tmp_path, described):
    samples = np.round(hum() * 2**15).astype("<i2")
    assert_array_equal(read(wav(described, samples.tobytes()), tmp_path), samples / np.float32(2**15))


def test_channels_that_do_not_fit_their_bytes_are_noticed(tmp_path):
    content = bytearray(wav(PCM, bytes(2 * RATE)))
    content[22] ^= 0x10
    assert complaint(bytes(content), tmp_path) == (
        f"is damaged: 17 channels of 16 bits do not make up the 2 bytes that its header counts for a sample; {AGAIN}"
    )


def test_a_rate_that_its_header_speaks_against_is_taken_with_a_word(tmp_path, caplog):
    samples, rate = hum(), 2 * RATE
    described = struct.pack("<HHIIHH", 1, 1, rate, 2 * RATE, 2, 16)
    assert len(read(wav(described, np.round(samples * 2**15).astype("<i2").tobytes()), tmp_path)) == len(samples)
    assert caplog.messages == [
        f"{tmp_path / 'clip'} says that it has 32000 Hz, and 32000 bytes a second, which at 2 bytes a sample are 16000 Hz;"
        " 32000 Hz is taken"
    ]


def test_a_byte_rate_that_was_left_out_is_nothing_to_speak_of(tmp_path, caplog):
    read(wav(struct.pack("<HHIIHH", 1, 1, RATE, 0, 2, 16), bytes(2 * RATE)), tmp_path)
    assert not caplog.messages


def test_a_promise_of_more_than_2_gib_is_one(tmp_path):
    assert complaint(wav(PCM, bytes(1000), 0xC000_0000), tmp_path) == (
        f"is truncated: 1000 of the {0xC000_0000} bytes of sound that its header promises are there; {AGAIN}"
    )


@pytest.mark.parametrize("format_", ["WAV", "AIFF"])
def test_a_size_that_is_too_small_is_noticed(tmp_path, format_):
    content = bytearray(by_libsndfile(format_, "PCM_16"))
    place = content.index(b"data" if format_ == "WAV" else b"SSND") + 4
    size = bytearray(content[place : place + 4])
    size[2 if format_ == "AIFF" else 1] ^= 0x40
    content[place : place + 4] = size
    assert re.fullmatch(
        rf"is damaged: \d+ bytes follow the \d+ of sound that its header counts, and are nothing that it names; {AGAIN}",
        complaint(bytes(content), tmp_path),
    )


@pytest.mark.parametrize("counted", [-1, 1])
def test_a_flac_is_read_to_the_end_of_what_it_counts(tmp_path, counted):
    content = bytearray(by_libsndfile("FLAC", "PCM_16"))
    content[22:26] = struct.pack(">I", 2 * RATE + 4096 * counted)
    fault = complaint(bytes(content), tmp_path)
    if counted < 0:
        assert fault == f"is damaged: more samples follow the 27904 that its header counts; {AGAIN}"
    else:
        assert fault == f"is truncated: 32000 of the 36096 samples that its header promises are there; {AGAIN}"


def test_a_flac_whose_frames_have_another_rate_than_its_header_is_damaged(tmp_path):
    content = bytearray(by_libsndfile("FLAC", "PCM_16"))
    content[20] ^= 0x40
    assert complaint(bytes(content), tmp_path) == (
        f"is damaged: its header says 16004 Hz, and its first frame 16000 Hz; {AGAIN}"
    )


def test_what_follows_a_flac_is_no_sound(tmp_path):
    content = by_libsndfile("FLAC", "PCM_16")
    assert_array_equal(read(content + b"TAG" + bytes(125), tmp_path), read(content, tmp_path))


# --- what FFmpeg reads ---

PACKED: dict[str, Callable[[], bytes]] = {
    "m4a": lambda: packed("ipod", "aac"), "mp4": lambda: packed("mp4", "libopus", 48_000),
    "mkv": lambda: packed("matroska", "aac"), "webm": lambda: packed("webm", "libopus", 48_000),
    "avi": lambda: packed("avi", "libmp3lame", 44_100), "avi_pcm": lambda: packed("avi", "pcm_s16le"),
    "ts": lambda: packed("mpegts", "aac"), "flv": lambda: packed("flv", "aac"), "adts": lambda: packed("adts", "aac"),
    "mka": lambda: packed("matroska", "flac"), "g722": lambda: packed("wav", "g722"),
    "ac3": lambda: packed("wav", "ac3", 48_000), "alac": lambda: packed("ipod", "alac"),
    "ogg": lambda: by_libsndfile("OGG", "VORBIS", 1.0), "opus": lambda: by_libsndfile("OGG", "OPUS", 1.0),
    "flac": lambda: by_libsndfile("FLAC", "PCM_16", 1.0), "mp3": lambda: mp3(1.0, is_counted=True),
    "caf": lambda: by_libsndfile("CAF", "PCM_16", 1.0), "w64": lambda: by_libsndfile("W64", "PCM_16", 1.0),
    "voc": lambda: by_libsndfile("VOC", "PCM_16", 1.0),
}  # fmt: skip


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_whole_is_read_whole(tmp_path, kind):
    (tmp_path / "clip").write_bytes(PACKED[kind]())
    assert len(read_waveform(tmp_path / "clip", Resampler.soxr)) == pytest.approx(RATE, abs=0.13 * RATE)


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def assert_nothing_is_lost_unsaid(content: bytes, n_whole: int, folder: Path) -> None:
    with contextlib.suppress(AudioError):
        assert len(read(content, folder)) >= n_whole


BETWEEN = {"adts": 2, "ts": 3}
"""Kinds that count nothing: a cut between two of their elements cannot be told; so many of the places are such."""


@pytest.mark.parametrize("kind", PACKED)
def test_a_cut_is_noticed(tmp_path, kind):
    content = PACKED[kind]()
    n_whole = len(read(content, tmp_path))
    n_unnoticed = 0
    for kept in [*range(len(content) - 4, len(content)), *range(0, len(content), len(content) // 12)]:
        with contextlib.suppress(AudioError):
            n_unnoticed += len(read(content[:kept], tmp_path)) < n_whole
    assert n_unnoticed <= BETWEEN.get(kind, 0)


@pytest.mark.parametrize("kind", ["flac", "mp3", "avi", "ts", "flv", "adts", "m4a"])
def test_a_wrong_bit_loses_nothing_unsaid(tmp_path, kind):
    content = PACKED[kind]()
    n_whole = len(read(content, tmp_path))
    for place in random.Random(0).sample(range(8 * len(content)), 12):
        assert_nothing_is_lost_unsaid(flipped(content, place), n_whole, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PACKED)
def test_any_wrong_bit_loses_nothing_unsaid(tmp_path, kind):
    content = PACKED[kind]()
    n_whole = len(read(content, tmp_path))
    # The slack of containers: a packet or two at either end, whose loss no word of the file contradicts.
    slack = 0 if kind in ("ogg", "opus", "flac", "avi", "avi_pcm") else 2304
    for place in random.Random(1).sample(range(8 * len(content)), 1000):
        assert_nothing_is_lost_unsaid(flipped(content, place), n_whole - slack, tmp_path)


def test_a_duration_that_is_guessed_is_no_promise(tmp_path, rng):
    samples = np.concatenate(
        [0.3 * rng.standard_normal(RATE).astype(np.float32).clip(-3, 3), np.zeros(4 * RATE, np.float32)]
    )
    assert len(read(by_ffmpeg("adts", "aac", samples), tmp_path)) == pytest.approx(5 * RATE, abs=0.2 * RATE)


@pytest.mark.parametrize(("place", "mask"), [(0, 0x40), (1, 0x01), (7, 0x01)], ids=["kind", "stream", "size"])
def test_a_chunk_that_an_avi_lost_is_told(tmp_path, place, mask):
    content = bytearray(packed("avi", "libmp3lame", 44_100))
    start = content.rindex(b"00wb", 0, content.rindex(b"idx1"))
    content[start + place] ^= mask
    assert complaint(bytes(content), tmp_path).startswith("is damaged: 1 damaged packets left out")


def test_a_container_that_was_cut_before_its_sound_is_truncated(tmp_path):
    fault = complaint(packed("mp4", "aac")[:200], tmp_path)
    assert fault.startswith(
        "is truncated or damaged: it begins as an MP4 does, and is no video that FFmpeg can read, or"
    )
    assert fault.endswith(AGAIN)


def test_an_unknown_file_is_named_with_what_ffmpeg_says(tmp_path):
    (tmp_path / "clip").write_bytes(b"words " * 99)
    with pytest.raises(UnknownFormatError) as raised:
        read_samples(tmp_path / "clip")
    assert raised.value.reason.startswith("is no video that FFmpeg can read, or a damaged one (")
    # It comes back from the processes that read clips.
    assert pickle.loads(pickle.dumps(raised.value)).reason == raised.value.reason


# --- videos ---


def test_a_video_that_lacks_a_little_is_refused_unless_somebody_is_told(tmp_path):
    video = damaged_video(tmp_path)
    with pytest.raises(
        AudioError, match=r"clip\.mp4 is damaged: \d damaged packets left out, 0\.0\d of 3\.\d\d s missing; copy"
    ):
        read_waveform(video, Resampler.soxr)
    with lenient() as told:
        assert len(read_waveform(video, Resampler.soxr)) == pytest.approx(3 * RATE, abs=0.1 * RATE)
    assert len(told) == 1
    assert told[0].startswith(f"{video} is damaged: ")


def test_the_sound_of_a_video_is_what_preparing_takes_out_of_it(tmp_path):
    video = write_video(tmp_path / "clip.mp4", voice(1.0, 44_100, 6))
    prepared = read_sound(io.BytesIO(video.read_bytes()), RATE).samples
    for resampler in Resampler:
        assert_array_equal(read_waveform(video, resampler), prepared)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_video_that_is_cut_within_its_last_second_is_refused(tmp_path, share):
    video = write_video(tmp_path / "clip.mkv", voice(2.0, 44_100, 6))
    content = video.read_bytes()
    with pytest.raises(VideoError, match=r"^is truncated or damaged: "):
        read_sound(io.BytesIO(content[: int(share * len(content))]), RATE)


def test_a_picture_may_go_on_after_the_sound(tmp_path):
    memory = tmp_path / "clip.mkv"
    with av.open(str(memory), "w") as container:
        picture = container.add_stream("mpeg4", rate=5)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_f32le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(hum(1.0)[None], "flt", "mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(sound.encode(frame))
        for number in range(10):
            shown = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8), "rgb24")
            shown.pts = number
            container.mux(picture.encode(shown))
        container.mux(picture.encode())
    assert_array_equal(read_waveform(memory, Resampler.soxr), hum(1.0))
