"""The page of a sweep, on made-up jobs: what it says, and that nothing in it is taken for markup."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from sarcasm import cli, console, sweeps
from sarcasm.report.parallel import of_choices, of_numbers
from sarcasm.sweeps import gather
from sarcasm.sweeps.effects import effects
from tests.test_runs_command import Records, swept
from tests.test_sweeps import METRIC, NOTHING_COMPARED, grid, job, many, with_decisions

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"


class Read(HTMLParser):
    """Tables of a page by id, as rows of texts; its links, scripts and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables, self.links, self.tags, self.text = {}, [], [], ""
        self._table = self._in_script = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        if tag == "table":
            self._table = self.tables.setdefault(given.get("id"), [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._table[-1].append("")
        elif tag == "a" and not given["href"].startswith("#"):
            self.links.append(given)
        self._in_script = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._in_script = False
        if tag == "table":
            self._table = None

    def handle_data(self, data):
        if self._in_script:
            return
        self.text += data
        if self._table and self._table[-1]:
            self._table[-1][-1] += data.strip()


def page_of(jobs, metric=METRIC, compared=None, links=None) -> str:
    found = gather(jobs, metric, False)
    return sweeps.html(found, compared or NOTHING_COMPARED, links or {})


def drawn_in(html: str) -> dict:
    return json.loads(re.search(r'id="drawn">(.*?)</script>', html, re.DOTALL)[1])


@pytest.fixture(scope="module")
def compared() -> tuple[list, str]:
    """Two heads with two seeds each, one of which is much better, and one job that failed; and their page."""
    jobs = [with_decisions(head, seed, n_wrong, **{"dataset.made_up": "true"})
            for head, n_wrong in (("good", 5), ("poor", 50)) for seed in (0, 1)]  # fmt: skip
    failed = ("head=good", "seed=2")
    jobs.append(job(7, failed, {"head.name": "good", "seed": 2}, "FAILED", {}, error="clip 2_97: it <b>ends</b> early"))
    found = gather(jobs, METRIC, False)
    return jobs, sweeps.html(found, sweeps.claims(found, jobs), {})


def test_the_page_says_what_is_best_what_it_is_worth_and_what_can_be_claimed(compared):
    page = Read(compared[1])
    assert "Sweep over head and seed: 5 jobs, 4 finished, 1 did not." in page.text
    assert "The clips are made up (synthesised sound)" in page.text
    assert "Best by validation/utterance/f1_weighted: head=good, 0.858 ± 0.000 over 2 seeds" in page.text
    worth = r"its weighted F is 0\.958 \(95 % interval: 0\.9\d to (0\.9\d|1\.00) over utterances\)\."
    assert re.search(worth, page.text)
    assert "Can be claimed: head=good over head=poor, by 0.375 of weighted F" in page.text
    assert "clip 2_97: it <b>ends</b> early" in page.text


def test_the_tables_hold_every_job_and_setting_and_failures_say_why(compared):
    tables = Read(compared[1]).tables
    assert tables["jobs"][0] == ["run", "head", "seed", "status", "weighted F", "validation", "time", "to mind"]
    assert [row[1:4] for row in tables["jobs"][1:]] == [
        ["good", "0", "FINISHED"], ["good", "1", "FINISHED"], ["good", "2", "FAILED"],
        ["poor", "0", "FINISHED"], ["poor", "1", "FINISHED"],
    ]  # fmt: skip
    assert tables["jobs"][3][-1] == "clip 2_97: it <b>ends</b> early"
    assert [row[:3] for row in tables["settings"][1:]] == [
        ["good", "2 of 3", "0.958 ± 0.000"], ["poor", "2 of 2", "0.583 ± 0.000"]
    ]  # fmt: skip


def test_differences_are_between_jobs_that_agree_in_all_else():
    # b is better by a tenth with each seed; that its best seed failed does not count against it.
    jobs = [
        job(n, (f"head={head}", f"seed={seed}"), {"head.name": head, "seed": seed}, status, {"test/utterance/f1_weighted": f1})
        for n, (head, seed, f1, status) in enumerate([
            ("a", 0, 0.5, "FINISHED"), ("a", 1, 0.9, "FINISHED"), ("b", 0, 0.6, "FINISHED"), ("b", 1, 1.0, "FAILED"),
        ])
    ]  # fmt: skip
    found = {(each.option, each.value): each for each in effects(gather(jobs, METRIC, False))}
    assert found["head", "b"].f1.mean == 0.6 < found["head", "a"].f1.mean
    assert found["head", "b"].difference.mean == pytest.approx(0.1)
    assert found["head", "b"].difference.n == 1
    assert found["head", "a"].difference is None
    assert found["seed", "1"].difference.mean == pytest.approx(0.4)
    rows = Read(page_of(jobs)).tables["effects"]
    assert ["head", "b", "1", "0.600", "+0.100 (1 pair)"] in rows


def test_text_from_outside_stays_text():
    jobs = [job(n, (f"head={name}",), {"head.name": name}, cautions=HOSTILE, metrics={METRIC: 0.5, "test/utterance/f1_weighted": 0.5})
            for n, name in enumerate((HOSTILE, "b"))]  # fmt: skip
    jobs.append(job(2, ("head=c",), {"head.name": "c"}, "FAILED", {}, error=HOSTILE))
    html = page_of(
        jobs, links={jobs[0].run_id: "javascript:alert(1)", jobs[1].run_id: "https://server/#/experiments/1/runs/2"}
    )
    page = Read(html)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 2
    # The pictures, and none of theirs.
    assert all(given["src"].startswith("data:image/png;base64,") for tag, given in page.tags if tag == "img")
    assert not any(name.startswith("on") for _, given in page.tags for name in given)
    assert HOSTILE in page.text
    assert [link["href"] for link in page.links] == ["https://server/#/experiments/1/runs/2"]
    assert (page.links[0]["target"], page.links[0]["rel"]) == ("_blank", "noopener noreferrer")
    assert not any("style" in given for _, given in page.tags)
    assert "default-src 'none'" in next(given["content"] for tag, given in page.tags if "http-equiv" in given)


def test_a_job_on_no_server_goes_by_the_command_that_shows_it(compared):
    page = Read(compared[1])
    assert page.links == []
    assert "sarcasm report RUN" in page.text


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ([], "There are no jobs."),
        ([job(0, ("seed=1",), status="FAILED", metrics={}, error="no room")], "FAILED 00000000: no room"),
        ([job(0)], "Sweep: 1 job, all finished."),
        (grid({"a": [0.5], "b": [0.6]}), "Sweep over head"),
    ],
    ids=["none", "none_done", "one", "one_option"],
)
def test_small_sweeps_have_a_page_too(jobs, said):
    html = page_of(jobs)
    assert said in Read(html).text
    finished = [each for each in jobs if each.status == "FINISHED"]
    assert len(drawn_in(html)["names"]) == len(finished)
    assert ('id="lines"' in html) == bool(finished)


def test_five_hundred_jobs_are_drawn_and_stand_in_a_table():
    jobs = many(500)
    html = page_of(jobs)
    assert len(Read(html).tables["jobs"]) == 501
    drawn = drawn_in(html)
    assert [axis["name"] for axis in drawn["axes"]] == [
        "head",
        "trainer.learning_rate",
        "validation",
        "weighted F, test",
    ]
    assert all(len(axis["heights"]) == 500 for axis in drawn["axes"])
    assert len(html) < 2_000_000


# Axes


def test_choices_stand_in_order_and_numbers_by_size():
    assert of_choices("head", ["b", "a", "", "b"]).heights == (0, 1, None, 0)
    assert of_choices("seed", ["10", "9", "2"]).heights == (1, 0.5, 0)
    assert of_choices("head", ["a", "a"]).heights == (0.5, 0.5)
    assert of_choices("head", ["", ""]).marks == ()


def test_many_numbers_lie_on_a_scale_that_is_logarithmic_where_it_is_wide():
    wide = of_choices("rate", [str(10.0**n) for n in range(-5, 5)])
    assert wide.heights == pytest.approx([n / 9 for n in range(10)])
    assert [mark for mark, _ in wide.marks] == ["1e-05", "0.316", "1e+04"]
    assert of_choices("n", [str(n) for n in range(1, 11)]).heights == pytest.approx([n / 9 for n in range(10)])


def test_a_score_that_is_none_has_no_place():
    axis = of_numbers("F", [0.2, None, float("nan"), 0.4])
    assert axis.heights == (0, None, None, 1)
    assert [mark for mark, _ in axis.marks] == ["0.2", "0.3", "0.4"]
    assert of_numbers("F", [0.5, 0.5]).heights == (0.5, 0.5)
    assert of_numbers("F", [None]).marks == ()


# sarcasm report


@pytest.fixture
def records(tmp_path, made_database, own_environment) -> Records:
    shutil.copy(made_database, tmp_path / "mlflow.db")
    return Records(tmp_path)


def test_the_page_of_a_recorded_sweep_is_made_anew_of_the_jobs_of_its_last_call(records, tmp_path):
    sweep = swept(records, {("small", "0"): 0.51, ("small", "1"): 0.56, ("big", "0"): 0.62}, metrics={METRIC: 0.5})
    records.add("stale", f=0.99, parent=sweep, tags={"sweep.attempt": "before"}, params={"seed": "3"})
    output = tmp_path / "page.html"
    assert cli.main(["report", sweep[:8], records.uri, "--output", str(output)]) == console.DONE
    page = Read(output.read_text())
    assert "Sweep over head and seed: 3 jobs, all finished." in page.text
    assert [row[1:3] for row in page.tables["jobs"][1:]] == [["small", "0"], ["small", "1"], ["big", "0"]]
    assert "0.99" not in page.text


def test_a_sweep_stands_side_by_side_with_nothing_and_one_without_jobs_has_no_page(records, tmp_path, capsys):
    empty, run = records.add("empty", tags={"sweep": "true"}), records.add("run", f=0.5)
    options = [records.uri, "--output", str(tmp_path / "page.html")]
    assert cli.main(["report", run, empty, *options]) == console.FAILED
    said = f"error: run {empty} is a sweep: it stands side by side with nothing; name two of its jobs\n"
    assert capsys.readouterr().err == said
    assert cli.main(["report", empty, *options]) == console.FAILED
    assert capsys.readouterr().err.endswith(f"run {empty} (empty) is a sweep without jobs; there is nothing to show\n")
    assert not (tmp_path / "page.html").exists()
