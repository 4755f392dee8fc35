"""The page of a run and that of two runs, used as a person would: by mouse, by keyboard, by ear."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sarcasm import cli, console
from sarcasm.report.page import clips_of
from sarcasm.report.recorded_page import read_page


@pytest.fixture(scope="module")
def report(recorded) -> Path:
    folder, _, found = recorded
    return next(folder.rglob(f"{found['small']}/artifacts/report.html"))


def with_clips(html: str, clips: dict) -> str:
    return replace(read_page(html), clips=clips).html()


def opened(visit, path: Path):
    visit.page.goto(path.as_uri())
    visit.page.wait_for_selector(".row")
    return visit.page


def names(page) -> list[str]:
    return page.locator(".row .name").all_inner_texts()


def chosen(page) -> str:
    return page.locator("#chosen").inner_text()


def test_a_clip_is_seen_and_heard(visit, report):
    page = opened(visit, report)
    visit.until("player.readyState > 0")
    assert page.evaluate("player.duration") == pytest.approx(
        next(clip for clip in clips_of(report.read_text())["clips"] if clip["id"] == chosen(page))["seconds"], abs=0.1
    )
    assert page.locator(".time-line image").count() == 1
    before = page.locator("#playhead").get_attribute("x1")
    page.keyboard.press("p")
    visit.until("player.currentTime > 0.2")
    page.keyboard.press("p")
    assert page.evaluate("player.paused")
    assert float(page.locator("#playhead").get_attribute("x1")) > float(before)
    assert visit.is_clean()


def test_the_steps_are_the_probabilities_that_the_run_kept(visit, report):
    page = opened(visit, report)
    shown = page.locator(".piece title").all_text_contents()
    clip = next(each for each in clips_of(report.read_text())["clips"] if each["id"] == chosen(page))
    assert [float(text.rpartition(" ")[2]) for text in shown] == pytest.approx(clip["said"][0]["pieces"], abs=0.006)


def test_confident_mistakes_come_first_and_the_keyboard_goes_through_all(visit, report):
    page = opened(visit, report)
    clips = {clip["id"]: clip for clip in clips_of(report.read_text())["clips"]}
    seen = [chosen(page)]
    for _ in range(len(clips) - 1):
        page.keyboard.press("j")
        seen.append(chosen(page))
    assert sorted(seen) == sorted(clips)
    wrong = [clips[name]["said"][0]["wrong"] for name in seen]
    assert wrong == sorted(wrong, reverse=True)
    sure = [abs(clips[name]["said"][0]["probability"] - 0.5) for name in seen]
    n_wrong = sum(wrong)
    assert sure[:n_wrong] == sorted(sure[:n_wrong], reverse=True)
    assert sure[n_wrong:] == sorted(sure[n_wrong:])
    page.keyboard.press("k")
    assert chosen(page) == seen[-2]
    page.locator("#list").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert chosen(page) == seen[1]
    assert page.locator("#list").get_attribute("aria-activedescendant") == "row-1"
    assert visit.is_clean()


def test_filters_and_search_leave_what_they_say(visit, report):
    page = opened(visit, report)
    clips = clips_of(report.read_text())["clips"]
    page.keyboard.press("/")
    page.keyboard.type("coffee machine")
    assert page.locator("#count").inner_text().startswith("1 of 48")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    speaker = clips[0]["speaker"]
    page.select_option("#speaker", speaker)
    assert page.locator("#count").inner_text() == f"{sum(each['speaker'] == speaker for each in clips)} of 48 clips"
    page.select_option("#kind", "missed")
    expected = {
        each["id"] for each in clips if each["speaker"] == speaker and each["label"] and each["said"][0]["wrong"]
    }
    assert set(names(page)) == expected
    page.select_option("#kind", "")
    page.select_option("#speaker", "")
    page.select_option("#order", "length")
    assert chosen(page) in {each["id"] for each in clips}
    assert names(page)[0] == max(clips, key=lambda each: each["seconds"])["id"]
    page.locator("#search").fill("no clip says this")
    assert page.locator("#detail").inner_text() == "No clip is left by these filters."
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("p")
    assert visit.is_clean()


def test_where_the_sound_is_not_there_the_page_says_what_to_do(visit, report, tmp_path):
    clips = clips_of(report.read_text())
    for clip in clips["clips"]:
        clip["sound"] = clip["sound"].replace("/audio/", "/nowhere/")
    (tmp_path / "report.html").write_text(with_clips(report.read_text(), clips))
    page = opened(visit, tmp_path / "report.html")
    visit.until("document.getElementById('sound-note').textContent")
    assert "sarcasm report RUN --audio embedded" in page.locator("#sound-note").inner_text()


def test_a_hostile_transcript_is_text(visit, report, tmp_path):
    clips = clips_of(report.read_text())
    hostile = "<img src=x onerror=alert(1)></script><script>alert(2)</script> & \"quoted\" 'so'"
    for clip in clips["clips"]:
        clip |= {"text": hostile, "speaker": hostile, "show": hostile}
    (tmp_path / "report.html").write_text(with_clips(report.read_text(), clips))
    dialogs = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page = opened(visit, tmp_path / "report.html")
    page.keyboard.press("j")
    assert page.locator("blockquote").inner_text() == hostile
    assert dialogs == []
    assert visit.is_clean()


def test_axe_finds_no_fault_with_the_page_of_a_run(visit, report):
    opened(visit, report)
    assert visit.is_accessible()


def test_with_the_sound_inside_it_plays_anywhere_and_asks_for_nothing(visit, recorded, tmp_path, monkeypatch):
    _, store, found = recorded
    path = tmp_path / "page.html"
    assert cli.main(["report", found["small"], store, "--audio", "embedded", "--output", str(path)]) == console.DONE
    page = opened(visit, path)
    visit.until("player.readyState > 0")
    page.keyboard.press("p")
    visit.until("player.currentTime > 0.2")
    assert page.locator("#embedded").is_visible()
    assert [url for url in visit.requests if not url.startswith("data:")] == [path.as_uri()]
    assert visit.is_clean()


def test_two_runs_side_by_side_show_what_was_fixed_and_broken(visit, recorded, tmp_path):
    folder, store, found = recorded
    path = tmp_path / "two.html"
    assert cli.main(["report", found["small"], found["linear"], store, "--output", str(path)]) == console.DONE
    page = opened(visit, path)
    wrong = [
        {each["id"]: each["said"][0]["wrong"] for each in clips_of(
            next(folder.rglob(f"{found[head]}/artifacts/report.html")).read_text())["clips"]}
        for head in ("small", "linear")
    ]  # fmt: skip
    for kind, was, now in (("fixed", True, False), ("broken", False, True), ("both wrong", True, True)):
        page.select_option("#kind", kind)
        expected = {id_ for id_ in wrong[0] if (wrong[0][id_], wrong[1][id_]) == (was, now)}
        assert page.locator("#count").inner_text() == f"{len(expected)} of 48 clips"
        assert set(names(page)) <= expected
    page.select_option("#kind", "")
    assert page.locator("path.steps").count() == 2
    assert page.locator("details tbody tr").count() == 2
    assert visit.is_accessible()
    assert visit.is_clean()


def test_ten_thousand_clips_can_be_gone_through(visit, report, tmp_path):
    clips = clips_of(report.read_text())
    many = [
        json.loads(json.dumps(clip)) | {"id": f"{number}_{clip['id']}"}
        for number in range(210)
        for clip in clips["clips"]
    ]
    (tmp_path / "report.html").write_text(with_clips(report.read_text(), clips | {"clips": many}))
    page = opened(visit, tmp_path / "report.html")
    assert page.locator("#count").inner_text() == "10080 of 10080 clips"
    # However many clips there are, the page holds the rows that can be seen.
    assert page.locator(".row").count() < 30
    page.locator("#list").focus()
    page.keyboard.press("End")
    assert page.locator("#list").get_attribute("aria-activedescendant") == "row-10079"
    page.locator("#search").fill("177_")
    visit.until("document.getElementById('count').textContent.startsWith('48 of')")
    assert visit.is_clean()
