import io

import numpy as np
import pytest
import soundfile
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sarcasm import near_copies
from sarcasm.audio import SAMPLE_RATE
from sarcasm.corpus.synthesis import Delivery, speak
from sarcasm.loudness import envelope
from sarcasm.near_copies import LEAST_CORRELATION, LEAST_OVERLAP, LEAST_PROMISE, connected, correlation, same_sound

N_CLIPS = 10
COPIED = 4
"""Position of the clip that copies are made of."""


def said(seed, seconds):
    """Speech of a made-up voice, float32 at 16 kHz; another seed says something else."""
    random = np.random.default_rng(seed)
    delivery = Delivery(
        pitch_hz=random.uniform(90, 230), range_semitones=4, syllables_per_second=4.5, level_db=-24, formant_scale=1,
        breath=0.2,
    )  # fmt: skip
    return speak(delivery, round(4.5 * seconds), SAMPLE_RATE, random, seconds).astype(np.float32)


def groups(waveforms, hashes=None):
    """Positions of clips of the same sound, group by group; without hashes given, no two files are the same."""
    return grouped(same_sound(hashes or list(map(str, range(len(waveforms)))), [envelope(each) for each in waveforms]))


def grouped(numbers):
    """Positions of the same number, where there are two or more."""
    assert numbers.dtype == np.int64
    return {frozenset(np.flatnonzero(numbers == each).tolist()) for each in numbers if sum(numbers == each) > 1}


def noisier(clip, ratio_db):
    random = np.random.default_rng(0)
    return clip + (np.std(clip) * 10 ** (-ratio_db / 20) * random.standard_normal(len(clip))).astype(np.float32)


def coded(clip, container, subtype):
    file = io.BytesIO()
    soundfile.write(file, clip, SAMPLE_RATE, format=container, subtype=subtype)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def can_code(container, subtype):
    return subtype in soundfile.available_subtypes(container)


def by_shifting(first, second, compared=lambda one, other: np.corrcoef(one, other)[0, 1]):
    """Pearson's correlation (or another) of what overlaps, at each shift with enough overlap; the largest of these."""
    found = []
    for shift in range(1 - len(second), len(first)):
        one, other = first[max(shift, 0) : shift + len(second)], second[max(-shift, 0) : len(first) - shift]
        if len(one) >= LEAST_OVERLAP * min(len(first), len(second)):
            found.append(compared(one, other))
    return max(found)


@pytest.fixture(scope="module")
def speech():
    """Ten clips of the same length, so that each is compared with each."""
    return [said(seed, 3.2) for seed in range(N_CLIPS)]


# What is found

CHANGES = {
    "the_same": lambda clip: clip.copy(),
    "quieter": lambda clip: 0.1 * clip,
    "upside_down": lambda clip: -clip,
    "without_its_beginning": lambda clip: clip[round(0.3 * SAMPLE_RATE) :],
    "without_its_end": lambda clip: clip[: -round(0.3 * SAMPLE_RATE)],
    "cut_between_two_hops": lambda clip: clip[round(0.1037 * SAMPLE_RATE) :],
    "with_silence_before": lambda clip: np.pad(clip, (round(0.3 * SAMPLE_RATE), 0)),
    "noisier": lambda clip: noisier(clip, 20),
    "clipped": lambda clip: clip.clip(-0.5 * clip.max(), 0.5 * clip.max()),
    "all_of_it": lambda clip: 0.5 * noisier(clip[round(0.3 * SAMPLE_RATE) :], 20),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_changed_copy_is_found_among_other_clips(speech, change):
    assert groups([*speech, change(speech[COPIED])]) == {frozenset({COPIED, N_CLIPS})}


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        pytest.param(*each, marks=pytest.mark.skipif(not can_code(*each), reason="libsndfile here cannot write it"))
        for each in [
            ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
        ]
    ],
)  # fmt: skip
def test_a_copy_that_was_coded_again_is_found(speech, container, subtype):
    copy = coded(speech[COPIED], container, subtype)
    assert not np.array_equal(copy[:1000], speech[COPIED][:1000])
    assert groups([*speech, copy]) == {frozenset({COPIED, N_CLIPS})}


def test_different_clips_share_nothing(speech):
    assert groups(speech) == set()


def test_clips_of_steady_noise_share_nothing():
    random = np.random.default_rng(0)
    clips = [(0.1 * random.standard_normal(48_000)).astype(np.float32) for _ in range(N_CLIPS)]
    assert groups(clips) == set()


def test_different_speech_stays_far_below_the_least_correlation_and_a_noisier_copy_above(speech):
    envelopes = [envelope(each) for each in speech]
    of_others = [correlation(one, other) for i, one in enumerate(envelopes) for other in envelopes[:i]]
    of_copies = [correlation(one, envelope(noisier(clip, 20))) for one, clip in zip(envelopes, speech, strict=True)]
    assert max(of_others) < 0.65
    assert min(of_copies) > LEAST_CORRELATION


@pytest.mark.parametrize(("wanted", "is_found"), [(0.85, False), (0.94, False), (0.96, True), (1.0, True)])
def test_clips_are_near_copies_from_a_correlation_of_95_hundredths_on(rng, wanted, is_found):
    # Two directions at a right angle to each other and to a constant, mixed.
    shapes, _ = np.linalg.qr(np.column_stack([np.ones(200), rng.standard_normal((200, 2))]))
    first, second = 1 + 3 * shapes[:, 1], 1 + 3 * (wanted * shapes[:, 1] + np.sqrt(1 - wanted**2) * shapes[:, 2])
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(wanted)
    assert grouped(same_sound([None, None], [first, second])) == ({frozenset({0, 1})} if is_found else set())


def test_copies_of_two_clips_are_two_groups(speech):
    clips = [*speech, 0.5 * speech[1], 2 * speech[COPIED]]
    assert groups(clips) == {frozenset({1, N_CLIPS}), frozenset({COPIED, N_CLIPS + 1})}


# What is compared by the hash of its file


def test_short_clips_are_told_apart_by_their_files_alone():
    clip = said(0, 1.9)
    assert groups([clip, clip, 0.5 * clip], ["same", "same", "other"]) == {frozenset({0, 1})}
    assert groups([clip, clip, 0.5 * clip]) == set()


def test_a_little_longer_ones_are_told_apart_by_their_sound():
    clip = said(0, 2.2)
    assert groups([clip, clip, 0.5 * clip]) == {frozenset({0, 1, 2})}


def test_silence_around_a_word_does_not_make_it_long():
    words = [np.pad(said(seed, 0.4), (8_000, 40_000)) for seed in range(N_CLIPS)]
    assert groups(words) == set()
    assert groups([words[0], words[0]]) == set()


@pytest.mark.parametrize("seconds", [0.0, 0.03, 1.0, 3.0])
def test_silence_pairs_with_nobody(speech, seconds):
    silence = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    assert groups([speech[0], silence, speech[1], silence]) == set()


def test_silence_of_the_same_file_is_the_same():
    silence = np.zeros(48_000, np.float32)
    assert groups([silence] * 3, ["one", "same", "same"]) == {frozenset({1, 2})}


def test_the_same_file_is_the_same_sound_whatever_is_heard(speech):
    assert groups(speech[:4], ["same", "one", "other", "same"]) == {frozenset({0, 3})}


def test_copies_are_found_where_hashes_are_not_known(speech):
    clips = [*speech, 0.5 * speech[COPIED]]
    assert groups(clips, [None] * len(clips)) == {frozenset({COPIED, N_CLIPS})}


def test_no_clips_are_no_sounds():
    assert same_sound([], []).tolist() == []


# Groups


def test_a_copy_of_a_copy_is_of_the_same_group(speech):
    whole = speech[0]
    shorter = whole[: round(0.85 * len(whole))]
    shortest = shorter[: round(0.85 * len(shorter))]
    # These two alone differ too much in length, whichever comes first.
    assert groups([whole, shortest]) == groups([shortest, whole]) == set()
    assert groups([whole, shortest, speech[1], shorter]) == {frozenset({0, 1, 3})}


def test_an_equal_file_and_an_alike_sound_are_of_one_group(speech):
    clips = [speech[0], said(50, 1.5), 0.5 * speech[0], speech[1]]
    assert groups(clips, ["same", "same", "another", "yet another"]) == {frozenset({0, 1, 2})}


@given(order=st.permutations(range(7)))
@settings(deadline=None, max_examples=20)
def test_the_order_of_utterances_does_not_matter(speech, order):
    short, silence = said(50, 1.5), np.zeros(48_000, np.float32)
    clips = [speech[0], 0.5 * speech[0][4000:], speech[1], short, short, silence, noisier(speech[1], 20)]
    hashes = ["a", "b", "c", "same", "same", "f", "g"]
    found = groups([clips[each] for each in order], [hashes[each] for each in order])
    assert {frozenset(order[position] for position in group) for group in found} == {
        frozenset({0, 1}),
        frozenset({2, 6}),
        frozenset({3, 4}),
    }


def test_how_many_are_compared_at_a_time_does_not_matter(speech, monkeypatch):
    clips = [*speech, 0.5 * speech[COPIED], 2 * speech[1]]
    at_once = groups(clips)
    monkeypatch.setattr(near_copies, "BLOCK", 2)
    assert groups(clips) == at_once == {frozenset({COPIED, N_CLIPS}), frozenset({1, N_CLIPS + 1})}


def test_copies_are_found_where_lengths_pass_a_power_of_two():
    # Transforms become shorter on the way from the longest clip to the shortest.
    clips = [said(60, 5.4), said(61, 5.05), said(62, 4.2), said(63, 2.4)]
    assert [1 << (2 * len(envelope(each)) - 1).bit_length() for each in clips] == [1024, 512, 512, 256]
    copies = [noisier(each[1_600:], 20) for each in clips]
    assert groups([*clips, *copies]) == {frozenset({position, position + 4}) for position in range(4)}


# The first look


@given(
    start=st.integers(0, 8_000), stop=st.integers(0, 2_000), gain=st.floats(0.1, 10), ratio_db=st.floats(15, 60),
)  # fmt: skip
@settings(deadline=None, max_examples=50)
def test_the_first_look_keeps_what_the_correlation_accepts(speech, start, stop, gain, ratio_db):
    clip = speech[COPIED]
    whole, copy = envelope(clip), envelope(gain * noisier(clip[start : len(clip) - stop], ratio_db))
    assume(correlation(whole, copy) >= LEAST_CORRELATION)
    assert list(near_copies._promising([whole, copy])) == [(0, 1)]


def test_the_first_look_keeps_what_is_alike_at_a_shift_with_enough_overlap(rng, monkeypatch):
    shared = rng.uniform(0, 0.3, 150)
    # One alone, three that overlap by just enough, and others.
    mixed = [rng.uniform(0, 0.3, 700), shared[25:], shared[:125], shared[25:]]
    for n in sorted(rng.integers(70, 121, 20), reverse=True):
        start = rng.integers(30)
        mixed.append(shared[start : start + n] + rng.uniform(0, rng.uniform(0, 0.45), n))
    lengths = list(map(len, mixed))
    centred = [each - each.mean() for each in mixed]
    units = [each / np.linalg.norm(each) for each in centred]
    pairs = [(i, j) for j in range(len(mixed)) for i in range(j) if lengths[j] >= LEAST_OVERLAP * lengths[i]]
    expected = {(i, j) for i, j in pairs if by_shifting(units[i], units[j], np.dot) >= LEAST_PROMISE}
    assert {(1, 2), (2, 3)} < expected < set(pairs)

    def found(block):
        monkeypatch.setattr(near_copies, "BLOCK", block)
        return set(near_copies._promising(mixed))

    assert found(1) == expected
    # The longest and the shortest of a block say how far all of it is shifted.
    assert found(3) >= expected
    assert expected <= found(256) < set(pairs)


@given(links=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
@settings(deadline=None)
def test_what_is_linked_by_others_has_the_same_number(links):
    numbers = connected(10, links)
    # Everyone's number, lowered to that of whom they are linked to until nothing changes.
    expected, before = np.arange(10), None
    while before is None or (expected != before).any():
        before = expected.copy()
        for one, other in links:
            expected[[one, other]] = min(expected[one], expected[other])
    assert grouped(numbers) == grouped(expected)


# The correlation


@given(n=st.integers(8, 60), m=st.integers(8, 60), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_the_correlation_equals_the_largest_that_numpy_finds_at_any_shift(n, m, seed):
    random = np.random.default_rng(seed)
    first, second = random.uniform(0, 0.3, n), random.uniform(0, 0.3, m)
    assert correlation(first, second) == pytest.approx(by_shifting(first, second), abs=1e-9)


@pytest.mark.parametrize("cut", [0, 1, 15, 31])
def test_the_correlation_of_two_stretches_of_speech_is_what_numpy_finds(speech, cut):
    first, second = envelope(speech[0]), envelope(noisier(speech[0], 10))[cut:]
    assert correlation(first, second) == pytest.approx(by_shifting(first, second), abs=1e-4)
    other = envelope(speech[1])[cut:]
    assert correlation(first, other) == pytest.approx(by_shifting(first, other), abs=1e-4)


@given(n=st.integers(8, 60), m=st.integers(8, 60), seed=st.integers(0, 2**32 - 1), gain=st.floats(0.01, 100))
@settings(deadline=None)
def test_neither_order_nor_gain_nor_an_offset_changes_the_correlation(n, m, seed, gain):
    random = np.random.default_rng(seed)
    first, second = random.uniform(0, 0.3, n), random.uniform(0, 0.3, m)
    expected = correlation(first, second)
    assert correlation(second, first) == pytest.approx(expected, abs=1e-9)
    assert correlation(first, gain * second) == pytest.approx(expected, abs=1e-9)
    assert correlation(first, 0.1 + second) == pytest.approx(expected, abs=1e-9)


@given(n=st.integers(10, 60), seed=st.integers(0, 2**32 - 1), data=st.data())
@settings(deadline=None)
def test_a_part_of_an_envelope_has_a_correlation_of_1_with_it(n, seed, data):
    whole = np.random.default_rng(seed).uniform(0, 0.3, n)
    start = data.draw(st.integers(0, n - 5))
    part = whole[start : data.draw(st.integers(start + 5, n))]
    assert correlation(whole, part) == pytest.approx(1, abs=1e-9)


def test_what_overlaps_for_a_moment_only_does_not_count():
    random = np.random.default_rng(0)
    shared = random.uniform(0, 0.3, 20)
    first, second = np.append(random.uniform(0, 0.3, 80), shared), np.append(shared, random.uniform(0, 0.3, 80))
    assert np.corrcoef(first[80:], second[:20])[0, 1] == pytest.approx(1)
    assert correlation(first, second) < 0.5


@pytest.mark.parametrize("flat", [0.0, 0.1, 0.25])
def test_what_does_not_change_correlates_with_nothing(flat):
    shaped = np.random.default_rng(0).uniform(0, 0.3, 100)
    assert correlation(shaped, np.full(100, flat)) == pytest.approx(0, abs=1e-6)


def test_steady_tones_are_like_one_another_and_no_copies():
    time = np.arange(48_000) / SAMPLE_RATE
    assert groups([0.3 * np.sin(2 * np.pi * hz * time).astype(np.float32) for hz in (150, 440, 1000)]) == set()
