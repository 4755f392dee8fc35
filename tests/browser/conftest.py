"""A real browser without a screen, which tells of every error and of every request that a page makes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import train
from sarcasm.config import compose, parse

sync_api = pytest.importorskip("playwright.sync_api", reason="a browser is driven by an extra: make test-browser")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is an extra: make test-browser")

HERE = ("127.0.0.1", "localhost", "")
"""Hosts of this machine; files have none."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)


@dataclass
class Visit:
    """A page that is open, and what it did."""

    page: object
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def until(self, expression: str) -> None:
        """Wait for JavaScript to be true; asked from here, since a page's policy lets nobody evaluate within it."""
        ends = time.monotonic() + 15
        while not self.page.evaluate(expression):
            assert time.monotonic() < ends, f"{expression} has not come true; {self.errors}"
            self.page.wait_for_timeout(20)

    def is_clean(self) -> bool:
        """No error on the console, and no request to another machine."""
        assert self.errors == []
        away = [url for url in self.requests if urlsplit(url).hostname not in (*HERE, None)]
        assert away == []
        return True

    def is_accessible(self) -> bool:
        """Nothing that axe finds fault with."""
        found = axe.Axe().run(self.page).response["violations"]
        assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []
        return True


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        # The system's, where there is one; else that which Playwright fetched.
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        arguments = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
                     "--use-fake-device-for-media-stream"]  # fmt: skip
        opened = playwright.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser) -> Iterator[Visit]:
    """A page without history, 1280 x 900."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    # A page that hangs should say where, well before the test's own limit.
    context.set_default_timeout(15_000)
    seen = Visit(context.new_page())
    seen.page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    yield seen
    context.close()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, made_database) -> tuple[Path, str, dict[str, str]]:
    """Two real runs over all clips of the smoke corpus: where, the store, head -> run id."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copy(made_database, folder / "mlflow.db")
    store = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    found = {}
    for head in ("small", "linear"):
        options = [store, f"dataset.directory={folder}/smoke", f"head={head}", "split=kfold", "trainer.steps=60",
                   "trainer.learning_rate=1e-3"]  # fmt: skip
        cfg = compose("config", options)
        found[head] = train.run(parse(cfg), cfg).run_id
    return folder, store, found
