"""The page of `sarcasm serve` over a real model, used as a person would: by file, by drop, by microphone, by keyboard."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("uvicorn", reason="an extra: pip install -e .[serve]")

from sarcasm.serve.answer import warm_up
from sarcasm.serve.facts import facts
from sarcasm.serve.limits import Limits
from tests.serve_fixtures import StandIn, serving


@pytest.fixture(scope="module")
def address(package) -> Iterator[str]:
    warm_up(package)
    with serving(package, Limits(5, 30), facts(package.description, "weighted F 0.500")) as address:
        yield address


@pytest.fixture(scope="module")
def clips(packaged_run) -> list[Path]:
    """Clips of the smoke corpus, each of several pieces."""
    return [path for path in sorted(packaged_run.clips.glob("*.wav")) if soundfile.info(path).duration > 2][:3]


def opened(visit, address: str):
    visit.page.goto(address)
    visit.until("model !== null")
    return visit.page


def give(page, *paths: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#choose").click()
    chooser.value.set_files([str(path) for path in paths])


def hears(visit, n_clips: int) -> None:
    visit.until(f"document.querySelectorAll('#history li').length === {n_clips} && !isSending")


def names(page) -> list[str]:
    return page.locator("#history .name").all_inner_texts()


def test_who_opens_it_is_told_what_model_it_is_and_that_it_is_made_up(visit, address, package):
    page = opened(visit, address)
    assert page.locator("#cautions p").first.inner_text().startswith("The clips are made up")
    assert package.description.run_name in page.locator("#model").inner_text()
    assert "5 MB and 30 s" in page.locator("#limits").inner_text()
    assert page.locator("#answers").is_hidden()
    assert visit.is_accessible()
    assert visit.is_clean()


def test_files_are_heard_one_after_another_as_the_model_says(visit, address, package, clips):
    page = opened(visit, address)
    give(page, *clips)
    hears(visit, 3)
    assert names(page) == [clip.name for clip in reversed(clips)]
    said = package.predict(package.read(clips[2]))
    word = said.label.replace("non_", "not ")
    assert page.locator("#detail .verdict").inner_text() == f"{word}, {said.probability:.2f}"
    assert page.locator("#status").inner_text() == f"{clips[2].name}: {word}, {said.probability:.2f}."
    rows = page.locator("#detail tbody tr")
    assert rows.count() == len(said.pieces) == page.locator(".piece").count() > 1
    shown = [[float(text) for text in row.split("\t")] for row in rows.all_inner_texts()]
    expected = [[piece.begin, piece.end, piece.probability] for piece in said.pieces]
    assert np.abs(np.array(shown) - expected).max() < 0.0051
    assert page.locator(".time-line image").count() == 1
    assert visit.is_accessible()
    assert visit.is_clean()


def test_what_was_heard_plays_and_is_gone_through_by_keys(visit, address, clips):
    page = opened(visit, address)
    give(page, *clips)
    hears(visit, 3)
    visit.until("player.readyState > 0")
    assert page.evaluate("player.duration") == pytest.approx(soundfile.info(clips[2]).duration, abs=0.01)
    page.keyboard.press("l")
    visit.until("!player.seeking && player.currentTime > 0.9")
    page.keyboard.press("p")
    visit.until("player.currentTime > 1.1")
    page.keyboard.press("p")
    assert page.evaluate("player.paused")
    assert float(page.locator("#playhead").get_attribute("x1")) > 54
    box = page.locator(".time-line svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    visit.until("!player.seeking")
    assert page.evaluate("player.currentTime / player.duration") == pytest.approx(0.47, abs=0.1)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.locator("#chosen").inner_text() == clips[0].name
    page.keyboard.press("k")
    assert page.locator("#chosen").inner_text() == clips[1].name
    assert visit.is_clean()


def test_all_of_it_can_be_reached_by_the_tab_key(visit, address, clips):
    # Expected from the beginning: a key is faster than what makes Chromium tell of a chooser.
    visit.page.on("filechooser", lambda chooser: chooser.set_files([str(clip) for clip in clips[:2]]))
    page = opened(visit, address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "choose"
    page.keyboard.press("Enter")
    hears(visit, 2)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "record"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText").startswith(clips[0].name)
    page.keyboard.press("Enter")
    assert page.locator("#chosen").inner_text() == clips[0].name
    assert page.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "player"


def drop(page, selector: str, path: Path) -> None:
    """As a file manager does it."""
    content = base64.b64encode(path.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """([content, name]) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name));
          return transfer;
        }""",
        [content, path.name],
    )
    page.dispatch_event(selector, "dragover", {"dataTransfer": transfer})
    assert page.locator("#drop.over").count() == 1
    page.dispatch_event(selector, "drop", {"dataTransfer": transfer})
    assert page.locator("#drop.over").count() == 0


@pytest.mark.parametrize("selector", ["#drop", "h1"])
def test_a_file_that_is_dropped_is_heard_wherever_it_falls(visit, address, clips, selector):
    page = opened(visit, address)
    drop(page, selector, clips[0])
    hears(visit, 1)
    assert names(page) == [clips[0].name]
    assert visit.is_clean()


def test_what_the_microphone_hears_is_heard(visit, address):
    visit.page.context.grant_permissions(["microphone"])
    page = opened(visit, address)
    page.locator("#record").click()
    visit.until("recording && recording.n > 1.5 * recording.context.sampleRate")
    assert page.locator("#level").is_visible()
    assert page.evaluate("document.getElementById('level').value") > 0.01
    page.locator("#record").click()
    hears(visit, 1)
    assert names(page) == ["recording 1.wav"]
    visit.until("player.readyState > 0")
    assert 1.5 < page.evaluate("player.duration") < 5
    page.locator("#record").click()
    visit.until("recording && recording.n > 1000")
    page.locator("#discard").click()
    assert page.evaluate("recording") is None
    assert names(page) == ["recording 1.wav"]
    assert page.locator("#record").inner_text() == "Record"
    assert visit.is_clean()


def test_a_recording_ends_at_the_limit(visit):
    visit.page.context.grant_permissions(["microphone"])
    with serving(StandIn(), Limits(5, 1)) as address:
        page = opened(visit, address)
        page.locator("#record").click()
        hears(visit, 1)
        assert page.evaluate("heard[0].seconds") == pytest.approx(1, abs=0.02)


def test_a_microphone_that_may_not_be_used_is_told(visit, address):
    page = opened(visit, address)
    page.locator("#record").click()
    visit.until("document.querySelector('#problems li')")
    assert page.locator("#problems").inner_text().startswith("The microphone may not be used. Allow it")
    assert page.locator("#record").inner_text() == "Record"
    assert page.locator("#record").is_enabled()


def test_what_cannot_be_heard_is_told_and_the_next_is_heard(visit, address, clips, tmp_path):
    hostile = tmp_path / "<img src=x onerror=alert(1)>.wav"
    hostile.write_bytes(b"no sound")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "large.wav").write_bytes(bytes(5_000_001))
    page = opened(visit, address)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    give(page, hostile, tmp_path / "empty.wav", tmp_path / "large.wav", clips[0])
    hears(visit, 1)
    problems = page.locator("#problems li").all_inner_texts()
    assert [text.split(": ")[0] for text in problems[1:]] == ["empty.wav", "large.wav"]
    assert problems[0].startswith("<img src=x onerror=alert(1)>.wav is neither audio nor a video")
    assert "larger than 5 MB" in problems[2]
    assert dialogs == []
    assert visit.is_accessible()
    give(page, clips[1])
    hears(visit, 2)
    assert page.locator("#problems li").count() == 0


def test_a_sound_that_the_browser_cannot_play_is_answered_all_the_same(visit, address, clips, tmp_path):
    samples, rate = soundfile.read(clips[0])
    soundfile.write(tmp_path / "clip.aiff", samples, rate)
    page = opened(visit, address)
    give(page, tmp_path / "clip.aiff")
    hears(visit, 1)
    visit.until("document.getElementById('sound-note').textContent")
    assert page.locator("#sound-note").inner_text().startswith("This browser cannot play such a file")
    page.keyboard.press("p")
    page.keyboard.press("l")


@pytest.mark.parametrize(
    ("probability", "threshold", "said"),
    [
        (0.4999, 0.5, "0.4999"),
        (0.5, 0.5, "0.50"),
        (0.82, 0.5, "0.82"),
        (0.3361, 0.336, "0.34"),
        (0.3359, 0.336, "0.3359"),
    ],
)
def test_no_number_contradicts_its_word(visit, address, probability, threshold, said):
    page = opened(visit, address)
    assert page.evaluate(f"exact({{ probability: {probability}, threshold: {threshold} }})") == said


def test_when_the_server_is_gone_the_page_says_so(visit, clips):
    with serving(StandIn(), Limits(5, 30)) as address:
        page = opened(visit, address)
    give(page, clips[0])
    visit.until("document.querySelector('#problems li')")
    assert "Does sarcasm serve still run" in page.locator("#problems").inner_text()


@pytest.mark.parametrize("width", [420, 1280])
def test_it_fits_a_narrow_window(visit, address, clips, width):
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = opened(visit, address)
    give(page, *clips)
    hears(visit, 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 420, "height": 800})
    visit.until("document.documentElement.scrollWidth <= 420")
    assert visit.is_accessible()
