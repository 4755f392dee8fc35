"""MLflow's own page: a run, and its report within it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from sarcasm.tracking.links import link_to_run, link_to_runs
from tests.tracking_fixtures import MlflowServer


@pytest.fixture(scope="module")
def address(recorded, tmp_path_factory) -> Iterator[str]:
    """MLflow's page over the store of the recorded runs."""
    folder, _, _ = recorded
    own = tmp_path_factory.mktemp("server")
    # A copy of the file alone may lack what was written last.
    with closing(sqlite3.connect(folder / "mlflow.db")) as runs, closing(sqlite3.connect(own / "server.db")) as copy:
        runs.backup(copy)
    server = MlflowServer(own)
    try:
        server.start()
        yield server.uri
    finally:
        server.stop()


def test_a_runs_report_opens_within_mlflow(visit, recorded, address):
    _, _, found = recorded
    page = visit.page
    page.goto(f"{address}/#/experiments/1/runs/{found['small']}/artifacts/report.html")
    report = page.frame_locator("iframe")
    report.locator(".row").first.wait_for()
    report.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    assert report.locator("#list").get_attribute("aria-activedescendant") == "row-1"
    assert report.locator(".time-line image").count() == 1
    # MLflow's page is not of the disk, so that the browser lets it play nothing from there; the page says what to do.
    assert "sarcasm report RUN --audio embedded" in report.locator("#sound-note").inner_text()
    away = [url for url in visit.requests if not url.startswith((address, "data:", "blob:"))]
    assert away == []


def test_mlflow_shows_the_scores_of_a_run(visit, recorded, address):
    _, _, found = recorded
    visit.page.goto(f"{address}/#/experiments/1/runs/{found['small']}")
    visit.page.get_by_text("test/utterance/f1_weighted", exact=True).first.wait_for()
    assert visit.page.get_by_text("smoke-pca_on-small-kfold-s42").first.is_visible()


def test_the_link_of_make_ui_opens_the_table_of_runs(visit, recorded, address):
    visit.page.goto(link_to_runs(address, "1"))
    visit.page.get_by_text("smoke-pca_on-small-kfold-s42", exact=True).first.wait_for()
    assert visit.page.get_by_role("heading", name="Runs").first.is_visible()


def test_the_link_of_a_run_on_a_server_opens_it_among_runs(visit, recorded, address):
    _, _, found = recorded
    visit.page.goto(link_to_run(address, "1", found["small"]))
    visit.page.get_by_text("smoke-pca_on-small-kfold-s42").first.wait_for()
    assert not visit.page.get_by_text("Evaluation runs").is_visible()
