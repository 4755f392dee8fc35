"""The page of a sweep, used as a person would: sorted, looked through, gone through line by line."""

import pytest

from sarcasm import sweeps
from sarcasm.sweeps import gather
from tests.test_sweep_page import HOSTILE, NOTHING_COMPARED
from tests.test_sweeps import METRIC, job

N = 40


def made(n: int, **tags: str):
    """A job, one in ten of which failed; scores go up and down."""
    head, seed = ("small", HOSTILE)[n % 2], n // 2
    typed, options = (f"head={head}", f"seed={seed}"), {"head.name": head, "seed": seed}
    if n % 10 == 3:
        return job(n, typed, options, "FAILED", {}, error=f"no room for job {n} {HOSTILE}")
    f1 = 0.4 + (n * 7 % N) / 100
    return job(
        n, typed, options, metrics={"test/utterance/f1_weighted": f1, METRIC: 1 - f1, "gain/f1_weighted": f1 - 0.5}
    )


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    jobs = [made(n) for n in range(N)]
    path = tmp_path_factory.mktemp("sweep") / "sweep.html"
    links = {each.run_id: f"http://127.0.0.1:1/#/experiments/1/runs/{each.run_id}" for each in jobs}
    path.write_text(sweeps.html(gather(jobs, METRIC, False), NOTHING_COMPARED, links))
    return path


@pytest.fixture
def page(visit, page_file):
    visit.page.goto(page_file.as_uri())
    visit.page.wait_for_selector("#lines svg")
    return visit.page


def column(page, name: str) -> list[str]:
    heads = page.locator("#jobs thead th").all_inner_texts()
    number = next(n for n, head in enumerate(heads) if head.startswith(name))
    return page.locator(f"#jobs tbody tr:not([hidden]) td:nth-child({number + 1})").all_inner_texts()


def sorted_by(page, name: str) -> str | None:
    return page.locator("#jobs th", has_text=name).get_attribute("aria-sort")


def test_a_click_sorts_by_a_score_and_another_the_other_way_with_failed_jobs_last(visit, page):
    as_made = column(page, "run")
    page.locator("#jobs th button", has_text="weighted F").click()
    scores = column(page, "weighted F")
    assert scores[-4:] == [""] * 4
    assert scores[:-4] == sorted(scores[:-4], reverse=True)
    assert sorted_by(page, "weighted F") == "descending"
    page.locator("#jobs th button", has_text="weighted F").click()
    scores = column(page, "weighted F")
    assert scores[:-4] == sorted(scores[:-4])
    assert scores[-4:] == [""] * 4
    assert sorted_by(page, "weighted F") == "ascending"
    assert sorted(column(page, "run")) == sorted(as_made)
    assert visit.is_clean()


def test_the_keyboard_sorts_too_and_numbers_in_text_are_numbers(visit, page):
    page.locator("#jobs th button", has_text="seed").focus()
    page.keyboard.press("Enter")
    assert column(page, "seed") == [str(n // 2) for n in range(N)]
    assert sorted_by(page, "seed") == "ascending"
    page.keyboard.press("Space")
    assert column(page, "seed")[0] == "19"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert (sorted_by(page, "seed"), sorted_by(page, "status")) == (None, "ascending")
    assert visit.is_clean()


def test_words_leave_the_rows_and_lines_that_have_them(visit, page):
    page.locator("#search").fill("head=small finished")
    assert set(column(page, "head")) == {"small"}
    assert page.locator("#count").inner_text() == "1 of 2 settings, 20 of 40 jobs"
    assert page.locator(".line:not(.faded)").count() == 20
    page.locator("#search").fill("no such words")
    assert column(page, "run") == []
    assert page.locator(".line:not(.faded)").count() == 0
    page.locator("#search").fill("")
    assert len(column(page, "run")) == N
    assert visit.is_clean()


def test_the_arrows_go_from_line_to_line_and_light_up_the_row(visit, page):
    page.locator("#lines").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#line-said").inner_text()
    page.keyboard.press("ArrowRight")
    second = page.locator("#line-said").inner_text()
    assert first != second
    assert page.locator("#jobs tr.lit").count() == 1
    assert second.startswith(page.locator("#jobs tr.lit td").first.inner_text())
    assert page.locator(".lit-line").get_attribute("d")
    page.keyboard.press("Home")
    assert page.locator("#line-said").inner_text() == first
    page.locator("#search").focus()
    assert page.locator("#jobs tr.lit").count() == 0
    assert visit.is_clean()


def test_pointing_at_a_row_or_reaching_its_link_shows_its_line(visit, page):
    page.locator("#jobs tbody tr").nth(4).hover()
    run = page.locator("#jobs tbody tr").nth(4).locator("td").first.inner_text()
    assert page.locator("#line-said").inner_text().startswith(run)
    page.locator("#jobs tbody tr a").nth(6).focus()
    run = page.locator("#jobs tbody tr").nth(6).locator("td").first.inner_text()
    assert page.locator("#line-said").inner_text().startswith(run)
    assert visit.is_clean()


def test_what_comes_from_outside_is_text(visit, page):
    assert page.locator("img:not([src^='data:image/png'])").count() == 0
    assert HOSTILE in page.locator("#of-failures + ul").inner_text()
    assert page.evaluate("document.scripts.length") == 2
    assert {url for url in visit.requests if not url.startswith(("file:", "data:"))} == set()
    assert visit.is_clean()


@pytest.mark.parametrize("width", [1280, 420])
def test_axe_finds_no_fault_and_nothing_sticks_out(visit, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("#jobs th button", has_text="gain").click()
    visit.until(f"document.documentElement.scrollWidth <= {width}")
    assert visit.is_accessible()


def test_five_hundred_jobs_are_sorted_and_looked_through(visit, tmp_path):
    jobs = [made(n) for n in range(500)]
    (tmp_path / "sweep.html").write_text(sweeps.html(gather(jobs, METRIC, False), NOTHING_COMPARED, {}))
    visit.page.goto((tmp_path / "sweep.html").as_uri())
    visit.page.wait_for_selector("#lines svg")
    visit.page.locator("#jobs th button", has_text="weighted F").click()
    visit.page.locator("#search").fill("head=small")
    scores = [score for score in column(visit.page, "weighted F") if score]
    assert scores == sorted(scores, reverse=True)
    assert len(column(visit.page, "run")) == 250
    assert visit.is_clean()
