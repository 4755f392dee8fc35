import os
import re
import subprocess
import sys
from dataclasses import fields
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import kstest

from sarcasm import help as help_page
from sarcasm.audio import SAMPLE_RATE
from sarcasm.augmentation import VOCODER_SAMPLES, NoAugmentation, Origin, generator_of
from sarcasm.config import compose, parse
from sarcasm.errors import ConfigError
from sarcasm.project import PROJECT

ORIGIN = {"shift_seconds": 0.1, "stretch": 0.8, "semitones": 3.0}


def origin(shift_seconds=None, stretch=None, semitones=None):
    return Origin(name="origin", shift_seconds=shift_seconds, stretch=stretch, semitones=semitones)


def noise(n_samples, seed=0):
    """No sample of it is 0, so that silence that comes in can be told from it."""
    random = np.random.default_rng(seed)
    return (random.uniform(0.1, 0.5, n_samples) * random.choice([-1, 1], n_samples)).astype(np.float32)


def tone(frequency, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def strongest_frequency(waveform):
    """In Hz, to a sixteenth of one: the peak of the spectrum under a Hann window, filled up with zeros."""
    n_points = 16 * SAMPLE_RATE
    return np.argmax(np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), n_points))) * SAMPLE_RATE / n_points


def shift(copy):
    """By how many samples a copy of `noise` is later: silence at its beginning, or, negative, at its end."""
    sounding = np.flatnonzero(copy)
    return int(sounding[0]) - (len(copy) - 1 - int(sounding[-1]))


def parsed(*overrides):
    return parse(compose("config", overrides)).augment


# Copies


@pytest.mark.parametrize("id_", [f"1_{number}" for number in range(60, 68)])
def test_three_copies_are_made_in_the_order_moved_stretched_of_another_pitch(id_):
    clip = noise(4_000)
    together = origin(**ORIGIN).copies(clip, generator_of(0, id_))
    alone = [origin(**{name: value}).copies(clip, generator_of(0, id_)) for name, value in ORIGIN.items()]
    assert [len(each) for each in together] == [4_000, 5_000, 4_000]
    # What one copy is like does not depend on whether there is another.
    assert [each.tobytes() for each in together] == [each.tobytes() for (each,) in alone]


@pytest.mark.parametrize(
    "options", [dict(zip(ORIGIN, values, strict=True)) for values in product([None, 0, 2], repeat=3)], ids=repr
)
def test_null_or_0_makes_no_such_copy(options):
    augmentation = origin(**options)
    assert augmentation.n_copies == list(options.values()).count(2)
    # Half as long, and the others as long as the clip.
    expected = [n for n, value in zip((3000, 1500, 3000), options.values(), strict=True) if value]
    assert [len(each) for each in augmentation.copies(noise(3000), generator_of(0, "1_60"))] == expected


def test_no_augmentation_makes_no_copies():
    augmentation = NoAugmentation(name="none")
    assert augmentation.n_copies == 0
    assert augmentation.copies(noise(100), generator_of(0, "1_60")) == []


@given(
    n_samples=st.integers(1, 3) | st.integers(4, 6000),
    shift_seconds=st.floats(0, 60, exclude_min=True),
    stretch=st.floats(0.25, 4).filter(lambda rate: rate != 1),
    semitones=st.floats(0, 24, exclude_min=True),
    id_=st.text(max_size=5),
)
@settings(deadline=None, max_examples=60)
def test_copies_of_any_clip_are_sound_of_the_promised_length_and_leave_the_clip_alone(
    n_samples, shift_seconds, stretch, semitones, id_
):
    clip = noise(n_samples)
    copies = origin(shift_seconds, stretch, semitones).copies(clip, generator_of(0, id_))
    assert [len(each) for each in copies] == [n_samples, max(1, round(n_samples / stretch)), n_samples]
    assert {each.dtype for each in copies} == {np.dtype(np.float32)}
    assert np.isfinite(np.concatenate(copies)).all()
    assert not any(np.shares_memory(each, clip) for each in copies)
    assert_array_equal(clip, noise(n_samples))


def test_a_clip_that_may_not_be_written_to_is_copied_too():
    clip = noise(3000)
    clip.flags.writeable = False
    copies = origin(**ORIGIN).copies(clip, generator_of(0, "1_60"))
    assert [each.flags.writeable for each in copies] == [True, True, True]


def test_a_clip_of_one_sample_is_not_moved():
    (copy,) = origin(shift_seconds=0.1).copies(np.array([0.5], np.float32), generator_of(0, "1_60"))
    assert copy.tolist() == [0.5]


# Moved in time


@given(
    n_samples=st.integers(1, 8000),
    shift_seconds=st.floats(0, 0.3, exclude_min=True),
    seed=st.integers(0, 2**32 - 1),
    id_=st.text(max_size=8),
)
@settings(deadline=None)
def test_silence_comes_in_on_one_side_and_nothing_else_changes(n_samples, shift_seconds, seed, id_):
    clip = noise(n_samples)
    (copy,) = origin(shift_seconds=shift_seconds).copies(clip, generator_of(seed, id_))
    later = shift(copy)
    # One half of a sample more is what rounding may add.
    assert abs(later) <= min(shift_seconds * SAMPLE_RATE, n_samples / 2) + 0.5
    before, after = max(later, 0), max(-later, 0)
    assert copy.tobytes() == bytes(4 * before) + clip[after : n_samples - before].tobytes() + bytes(4 * after)


@pytest.mark.parametrize(("seconds", "farthest"), [(1.0, 1600), (0.15, 1200)], ids=["as_said", "half_of_its_length"])
def test_shifts_of_many_clips_are_spread_evenly_from_earlier_to_later(seconds, farthest):
    clip, augmentation = noise(round(seconds * SAMPLE_RATE)), origin(shift_seconds=0.1)
    shifts = [shift(augmentation.copies(clip, generator_of(42, f"1_{number}"))[0]) for number in range(500)]
    assert kstest(shifts, "uniform", (-farthest, 2 * farthest)).pvalue > 0.01


# Stretched


@pytest.mark.parametrize("rate", [0.25, 0.8, 1.25, 4.0])
@pytest.mark.parametrize("frequency", [220, 1000, 3000])
def test_a_stretched_tone_keeps_its_frequency(rate, frequency):
    (copy,) = origin(stretch=rate).copies(tone(frequency), generator_of(0, "1_60"))
    assert len(copy) == SAMPLE_RATE / rate
    assert strongest_frequency(copy) == pytest.approx(frequency, rel=2e-3)


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25])
@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_what_happens_in_a_stretched_copy_happens_as_much_later(rate, seconds):
    clip = np.zeros(2 * SAMPLE_RATE, np.float32)
    start, stop = round((seconds - 0.1) * SAMPLE_RATE), round((seconds + 0.1) * SAMPLE_RATE)
    clip[start:stop] = tone(500, 0.2) * np.hanning(stop - start)
    (copy,) = origin(stretch=rate).copies(clip, generator_of(0, "1_60"))
    middle = np.average(np.arange(len(copy)), weights=np.square(copy)) / SAMPLE_RATE
    # To a hop of the vocoder, a quarter of its window.
    assert middle == pytest.approx(seconds / rate, abs=VOCODER_SAMPLES / 4 / SAMPLE_RATE)


# Of another pitch


@pytest.mark.parametrize("semitones", [1.0, 3.0, 12.0])
@pytest.mark.parametrize("frequency", [440, 1000, 3000])
@pytest.mark.parametrize("id_", ["1_60", "1_61", "1_62", "1_63"])
def test_a_transposed_tone_is_moved_by_a_twelfth_of_an_octave_per_semitone(semitones, frequency, id_):
    (copy,) = origin(semitones=semitones).copies(tone(frequency), generator_of(0, id_))
    moved = 12 * np.log2(strongest_frequency(copy) / frequency)
    assert abs(moved) == pytest.approx(semitones, abs=0.03)


def test_about_as_many_clips_are_moved_up_as_down():
    clip, augmentation = tone(1000, 0.25), origin(semitones=3.0)
    is_up = [
        strongest_frequency(augmentation.copies(clip, generator_of(42, f"1_{number}"))[0]) > 1000
        for number in range(60)
    ]
    assert 20 <= sum(is_up) <= 40


# Draws


def test_the_same_seed_and_clip_give_the_same_bits():
    augmentation, clip = origin(**ORIGIN), noise(16_000)
    once, again = (augmentation.copies(clip, generator_of(7, "2_97")) for _ in range(2))
    assert [each.tobytes() for each in once] == [each.tobytes() for each in again]


@pytest.mark.parametrize("other", [(8, "2_97"), (7, "2_98"), (7, "2_97 "), (7, ""), (2**32 - 1, "2_97")], ids=repr)
def test_another_seed_or_clip_gives_other_draws(other):
    assert not np.array_equal(generator_of(7, "2_97").random(4), generator_of(*other).random(4))


def test_no_two_clips_of_a_corpus_and_no_two_seeds_share_their_draws():
    draws = {generator_of(seed, f"1_{number}").random() for seed in range(5) for number in range(700)}
    assert len(draws) == 5 * 700


def test_the_draws_for_a_clip_depend_on_no_other_clip():
    augmentation, ids = origin(shift_seconds=0.1), ["2_97", "1_60", "2_91", "1_61"]
    clips = {id_: noise(5000, seed) for seed, id_ in enumerate(ids)}

    def copied(order):
        return {id_: augmentation.copies(clips[id_], generator_of(0, id_))[0].tobytes() for id_ in order}

    assert copied(ids) == copied(ids[::-1])
    assert copied(ids)["1_60"] == copied(["1_60"])["1_60"]


def test_the_draws_for_a_clip_are_the_same_in_every_process():
    here = generator_of(42, "2_97").random(3).tolist()
    program = "from sarcasm.augmentation import generator_of; print(generator_of(42, '2_97').random(3).tolist())"
    in_others = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=PROJECT, env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True, text=True, check=True, timeout=300,
        ).stdout
        for hash_seed in ("1", "2")
    ]  # fmt: skip
    assert in_others == [f"{here}\n"] * 2


# Options

OUT_OF_RANGE = [
    *(({"shift_seconds": value}, "seconds above 0 and up to 60 are needed") for value in (-0.1, 60.5, np.inf, np.nan)),
    *(
        ({"stretch": value}, "a rate from 0.25 to 4 other than 1 is needed")
        for value in (-0.8, 0.24, 1, 1.0, 4.5, np.inf, np.nan)
    ),
    *(({"semitones": value}, "semitones above 0 and up to 24 are needed") for value in (-3, 24.5, np.inf, np.nan)),
]


@pytest.mark.parametrize(("options", "needed"), OUT_OF_RANGE, ids=repr)
def test_an_option_out_of_range_is_refused_by_its_name(options, needed):
    ((name, value),) = options.items()
    text = f"augment.{name}={value}: {needed}, or null for no such copy"
    with pytest.raises(ConfigError, match=f"^{re.escape(text)}$"):
        origin(**{**ORIGIN, **options})


@pytest.mark.parametrize(
    "options", [{"shift_seconds": 60}, {"stretch": 0.25}, {"stretch": 4}, {"semitones": 24}], ids=repr
)
def test_the_ends_of_the_ranges_are_in_them(options):
    augmentation = origin(**options)
    assert augmentation.n_copies == len(augmentation.copies(noise(3000), generator_of(0, "1_60"))) == 1


# conf/augment


def test_there_are_choices():
    assert {"none", "origin"} <= set(help_page.choices("augment"))


@pytest.mark.parametrize("choice", help_page.choices("augment"))
def test_a_choice_gives_every_option_of_its_class_a_value_and_is_called_like_its_file(choice):
    augmentation = parsed(f"augment={choice}")
    lines = (help_page.CONF / "augment" / f"{choice}.yaml").read_text(encoding="utf-8").splitlines()
    written = [line.split(":")[0] for line in lines if re.match(r"\w+: ", line)]
    assert written == [field.name for field in fields(augmentation)]
    assert augmentation.name == choice
    assert len(augmentation.copies(noise(3000), generator_of(0, "1_60"))) == augmentation.n_copies


def test_the_choices_are_what_they_say():
    assert parsed("augment=none") == parsed() == NoAugmentation(name="none")
    assert parsed("augment=origin") == origin(**ORIGIN)
    assert parsed("augment=origin").n_copies == 3


@pytest.mark.parametrize("value", ["null", "0"])
@pytest.mark.parametrize("option", list(ORIGIN))
def test_a_copy_is_left_out_on_the_command_line(option, value):
    assert parsed("augment=origin", f"augment.{option}={value}").n_copies == 2


def test_an_option_out_of_range_is_refused_on_the_command_line():
    text = "augment.stretch=1.0: a rate from 0.25 to 4 other than 1 is needed, or null for no such copy"
    with pytest.raises(ConfigError, match=f"^{re.escape(text)}$"):
        parsed("augment=origin", "augment.stretch=1")
