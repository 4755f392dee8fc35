"""What a page is given of the clips, and what it makes of them."""

import base64
import io
import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from PIL import Image

from sarcasm import scoring
from sarcasm.corpus import Corpus, Utterance
from sarcasm.embeddings import N_LEVELS, overview, overviews
from sarcasm.errors import AudioError, SarcasmError
from sarcasm.report.clip_data import checked
from sarcasm.report.listening import as_json, drawn, heard, side_by_side
from sarcasm.report.options import Audio
from sarcasm.report.page import clips_of, page_of_two
from sarcasm.report.sound import with_sound
from sarcasm.resampling import Resampler
from sarcasm.scoring import Decision, Predictions
from sarcasm.store import Store
from sarcasm.tracking import Damage
from tests.conftest import make_table

SURE, UNSURE, NEVER = [4.0, -4.0], [0.1, -0.1], [-4.0, 4.0]


@pytest.fixture
def table():
    """Three utterances of 2, 3 and 1 examples; the first two sarcastic."""
    return make_table([True, True, False], [2, 3, 1], speakers=["ANNA", "BEN", "ANNA"])


def clips(table, *fits: Predictions, piece_seconds: float | None = 0.96):
    (level, _) = scoring.levels(fits, table, Decision.argmax)
    return heard(fits, level, table, {}, piece_seconds)


def test_pieces_stand_where_they_were_heard_and_untested_ones_are_none(table):
    fit = Predictions("a", np.array([1, 2, 4]), np.array([SURE, NEVER, UNSURE], np.float32), seed=3)
    first, second = clips(table, fit)
    assert [value is None for value in first.pieces] == [True, False]
    assert [value is None for value in second.pieces] == [False, True, False]
    assert first.pieces[1] == pytest.approx(0.982, abs=1e-3)
    assert second.pieces[2] == pytest.approx(0.525, abs=1e-3)
    assert [clip.id for clip in (first, second)] == ["1_000", "1_001"]
    assert (first.is_mistaken, second.is_mistaken) == (False, True)


def test_the_mean_over_its_pieces_is_what_was_decided_by(table):
    fit = Predictions("a", np.arange(6), np.array([SURE, NEVER, *[UNSURE] * 4], np.float32))
    for clip in clips(table, fit):
        assert clip.probability == pytest.approx(np.mean(clip.pieces))


def test_most_votes_decide_and_where_they_are_even_the_mean_does(table):
    rows = np.array([5])
    votes = [Predictions("a", rows, np.array([each], np.float32), seed) for seed, each in enumerate([UNSURE, NEVER])]
    (even,) = clips(table, *votes)
    assert even.probability < 0.5
    assert not even.is_mistaken
    (most,) = clips(table, *votes, Predictions("a", rows, np.array([UNSURE], np.float32), 2))
    assert most.is_mistaken
    assert [vote.seed for vote in most.votes] == [0, 1, 2]
    assert most.pieces[0] == pytest.approx(most.probability)


def test_where_a_row_is_the_whole_clip_so_is_a_piece(table):
    whole = replace(table, utterance=np.arange(3), X=table.X[:3], y=table.utterance_labels)
    for clip in clips(whole, Predictions("a", np.arange(3), np.array([UNSURE] * 3, np.float32)), piece_seconds=None):
        assert (len(clip.pieces), clip.piece_seconds) == (1, clip.seconds)


def test_a_picture_has_time_to_the_right_and_low_frequencies_below():
    examples = np.full((2, 96, 64), -4.6, np.float32)
    examples[1, :, 0] = 3.0
    picture = overview(examples)
    assert picture.shape == (48, 64)
    assert (picture[24:, 0] == N_LEVELS - 1).all()
    assert picture.sum() == 24 * (N_LEVELS - 1)
    with Image.open(io.BytesIO(drawn(picture))) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape == (64, 48)
    assert pixels[-1, 24:].max() < 50
    assert pixels[:-1].min() == pixels[-1, :24].min() == 255


def test_a_picture_of_a_long_clip_is_no_larger_than_that_of_a_minute():
    picture = overview(np.zeros((11_250, 96, 64), np.float32))
    assert len(picture) <= 1_500
    assert len(np.unique(picture)) == 1


def test_pictures_are_drawn_once_and_kept(tmp_path, rng):
    utterances = []
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", rng.uniform(-0.5, 0.5, 20_000), 16_000)
        utterances.append(Utterance(name, tmp_path / f"{name}.wav", name == "a"))
    corpus = Corpus(tuple(utterances))
    corpus.hashes  # noqa: B018  # as a run has them before anything is drawn
    with Store(tmp_path / "store.db") as store:
        first = overviews(corpus, utterances, Resampler.reference, store)
    assert [len(first[name]) for name in ("a", "b")] == [24, 24]
    (tmp_path / "a.wav").unlink()
    (tmp_path / "b.wav").unlink()
    with Store(tmp_path / "store.db") as store:
        again = overviews(corpus, utterances, Resampler.reference, store)
        # Pictures are not what a run counts.
        assert (store.n_hits, store.n_misses) == (0, 0)
    assert all((again[name] == first[name]).all() for name in first)
    # What is gone and not kept has no picture, and stops nothing.
    with Store(None) as nothing:
        assert overviews(corpus, utterances, Resampler.reference, nothing) == {}


def given(table, logits, name="run"):
    return as_json(clips(table, Predictions("a", np.arange(6), np.array(logits, np.float32))), name)


def test_two_runs_side_by_side_keep_what_each_said(table):
    first, second = given(table, [SURE] * 6, "A"), given(table, [NEVER] * 6, "B")
    both = side_by_side(first, second)
    assert both["runs"] == ["A", "B"]
    assert [[said["wrong"] for said in clip["said"]] for clip in both["clips"]] == [
        [False, True], [False, True], [True, False],
    ]  # fmt: skip


def test_runs_on_other_clips_or_labels_do_not_stand_side_by_side(table):
    first = given(table, [SURE] * 6, "A")
    with pytest.raises(SarcasmError, match=r"^A and B have tested no clip in common; compare runs on the same split$"):
        side_by_side(first, {"runs": ["B"], "clips": []})
    second = given(table, [SURE] * 6, "B")
    second["clips"][1]["label"] = False
    with pytest.raises(SarcasmError, match=r"^A and B disagree on the label of clip 1_001$"):
        side_by_side(first, second)


def page(table, text):
    spoken = replace(table, utterances=tuple(replace(each, text=text) for each in table.utterances))
    both = side_by_side(given(spoken, [SURE] * 6), given(spoken, [NEVER] * 6))
    both["clips"] = with_sound(both["clips"], Audio.none)
    return page_of_two(["one", "other"], ["beware"], ["nothing"], {"head.name": ["a", "<b>"]}, both), both


@pytest.mark.parametrize("text", ["</script><b>x", "<!--<script>", "'\"&\u2028\u2029", "\\1 \\g<1>", "{{ 7 * 7 }}"])
def test_what_is_said_in_a_clip_stays_text_and_comes_back(table, text):
    html, both = page(table, text)
    assert clips_of(html) == both
    assert html.count("<script") == html.count("</script>") == 2
    assert "<td><code>&lt;b&gt;</code></td>" in html


HUGE = 10**400
WRONG = {
    "clip 1 has no label": lambda clip: clip.pop("label"),
    "clip 1 has no text": lambda clip: clip.update(text=["a"]),
    "clip 1 has no seconds": lambda clip: clip.update(seconds=-1),
    "clip 1 has no picture_seconds": lambda clip: clip.update(picture_seconds=float("nan")),
    "clip 1 has no picture ": lambda clip: clip.update(picture='x" onerror="alert(1)'),
    "clip 1 has not what each run said": lambda clip: clip.update(said=[]),
    "what was said of clip 1 is no object": lambda clip: clip.update(said=[1]),
    "what was said of clip 1 has no probability": lambda clip: clip["said"][0].update(probability=HUGE),
    "what was said of clip 1 has no wrong": lambda clip: clip["said"][0].update(wrong=1),
    "what was said of clip 1 has no pieces": lambda clip: clip["said"][0].update(pieces=[True]),
    "what was said of clip 1 has no votes": lambda clip: clip["said"][0].update(votes=[["a", 0, 0.5, "1"]]),
}


@pytest.mark.parametrize("why", WRONG)
def test_clips_of_a_recorded_page_are_what_a_page_can_show_or_damage(table, why):
    data = given(table, [SURE] * 6)
    assert checked(data | {"beyond": 1}) == data
    WRONG[why](data["clips"][0])
    with pytest.raises(Damage, match=f"^{why}"):
        checked(data)


@pytest.mark.parametrize(
    "data", [{}, {"runs": [], "clips": []}, {"runs": [1], "clips": []}, {"runs": ["A"], "clips": {}}]
)
def test_a_page_says_which_runs_and_clips_it_shows(data):
    with pytest.raises(Damage, match=r"^it does not say which runs and clips it shows$"):
        checked(data)


def test_clips_of_earlier_versions_have_no_hash(table):
    data = given(table, [SURE] * 6)
    for clip in data["clips"]:
        del clip["sha256"]
    assert {clip["sha256"] for clip in checked(data)["clips"]} == {""}


def test_a_page_without_clips_says_so():
    with pytest.raises(
        SarcasmError, match=r"^its report.html has no clips to hear: it is of an older version; run it again$"
    ):
        clips_of("<html></html>")


def test_sound_is_linked_embedded_or_left_out(tmp_path, rng):
    waveform = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    soundfile.write(tmp_path / "ä b.wav", waveform, 48_000)
    clip = {"id": "1", "path": str(tmp_path / "ä b.wav")}
    assert with_sound([clip], Audio.none)[0]["sound"] == ""
    assert with_sound([clip], Audio.linked)[0]["sound"] == f"file://{tmp_path}/%C3%A4%20b.wav"
    for elsewhere in ("//host/share/x.wav", "x.wav", "../x.wav", "", "http://host/x.wav", "/a\0b", "/\ud83d"):
        assert with_sound([clip | {"path": elsewhere}], Audio.linked)[0]["sound"] == ""
    bytes_in_it = os.fsdecode(b"/clips/\xff.wav")
    assert with_sound([clip | {"path": bytes_in_it}], Audio.linked)[0]["sound"] == "file:///clips/%FF.wav"
    ((kind, sound),) = [each["sound"].split(",") for each in with_sound([clip], Audio.embedded)]
    assert kind == "data:audio/mpeg;base64"
    decoded, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
    assert (rate, len(decoded)) == (16_000, pytest.approx(16_000, abs=2_500))
    assert np.abs(np.fft.rfft(decoded)).argmax() * rate / len(decoded) == pytest.approx(440, abs=2)
    with pytest.raises(AudioError, match=r"^clip 2: .*gone.wav is not there"):
        with_sound([{"id": "2", "path": str(tmp_path / "gone.wav")}], Audio.embedded)
