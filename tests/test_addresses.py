"""Addresses: no secret of one is shown, and this machine is asked past a proxy."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarcasm.addresses import ask_directly, by_proxy, is_of_this_machine, without_password
from sarcasm.console import print_error
from sarcasm.errors import ConfigError
from sarcasm.explain import read_overrides


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://anna:secret@host:5000/a", "http://host:5000/a"),
        ("https://anna:se@cret@host/a?b#c", "https://host/a?b#c"),
        ("http://anna:sec/ret@host/a", "http://host/a"),
        ("http://anna:sec?ret@host/a", "http://host/a"),
        ("http://secret@host", "http://host"),
        ("http://:secret@[::1]:80/", "http://[::1]:80/"),
        ("http://anna%3Asecret%40host:5000", "http://host:5000"),
        ("postgresql+psycopg2://anna:secret@host/db", "postgresql+psycopg2://host/db"),
        ("no host at http://a:secret@one or 'http://b:secret@two'.", "no host at http://one or 'http://two'."),
        ('["tracking.uri=http://a:secret@one", "x=1"]', '["tracking.uri=http://one", "x=1"]'),
        ("https://host/f.zip?token=secret&x=secret#key=secret", "https://host/f.zip?token=***&x=***#key=***"),
        # What is none.
        ("https://host/package@1.2/file", "https://host/package@1.2/file"),
        ("http://host:5000/team@work", "http://host:5000/team@work"),
        ("http://[::1]:5000/team@work", "http://[::1]:5000/team@work"),
        ("sqlite:////home/a@b/mlflow.db?timeout=5", "sqlite:////home/a@b/mlflow.db?timeout=5"),
        ("file:///home/a@b", "file:///home/a@b"),
        ("ask http://host:5000 or anna@example.org", "ask http://host:5000 or anna@example.org"),
    ],
)
def test_an_address_is_shown_without_its_secrets(text: str, shown: str) -> None:
    assert without_password(text) == shown


@given(st.text(st.characters(exclude_categories=["Cs", "Z", "C"], exclude_characters="\"'"), max_size=12))
def test_no_password_is_shown_whatever_it_is_made_of(password: str) -> None:
    # One that begins like the number of a port and a path can be told apart by nobody; a server's address may hold none.
    password = f"x{password}7Q9"
    assert "7Q9" not in without_password(f"http://anna:{password}@host:5000")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.8.7", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])  # fmt: skip
def test_this_machine_is_asked_past_the_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from requests.utils import get_environ_proxies

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intranet")
    monkeypatch.setenv("no_proxy", "")
    address = f"http://{host}:5000/x"
    assert is_of_this_machine(address)
    ask_directly(address)
    ask_directly(address)
    assert get_environ_proxies(address) == {}
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == f"intranet,{host.strip('[]').lower()}"
    assert by_proxy(address) == ""


@pytest.mark.parametrize(
    "address",
    ["http://example.org", "http://128.0.0.1", "http://localhost.example", "http://[2001:db8::1]", "http://[::"],
)
def test_others_are_asked_as_the_environment_has_it(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "intranet")
    assert not is_of_this_machine(address)
    ask_directly(address)
    assert os.environ["no_proxy"] == "intranet"


def test_where_no_proxy_is_asked_nothing_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    ask_directly("http://localhost:5000")
    assert os.environ["no_proxy"] == "*"


@pytest.mark.parametrize(
    ("variable", "address", "named"),
    [
        ("HTTP_PROXY", "http://there:5000", "HTTP_PROXY"), ("http_proxy", "http://there:5000", "HTTP_PROXY"),
        ("HTTPS_PROXY", "https://there", "HTTPS_PROXY"), ("ALL_PROXY", "https://there", "ALL_PROXY"),
    ],
)  # fmt: skip
def test_a_proxy_in_between_is_named(variable: str, address: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert by_proxy(address) == ""
    monkeypatch.setenv(variable, "http://anna:secret@proxy.example:3128")
    assert by_proxy(address) == f" (asked through the proxy of {named}; if it needs none, add there to NO_PROXY)"
    monkeypatch.setenv("NO_PROXY", "there")
    assert by_proxy(address) == ""


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("tracking.uri=http://anna:secret@host", "tracking.uri=http://host"),
        ("tracking.uri=sqlite:///a.db,http://anna:secret@host", "tracking.uri=sqlite:///a.db,http://host"),
        ("tracking.uri=anna:secret@host", "tracking.uri=host"),
        ("++tracking.uri=http://host?token=secret", "++tracking.uri=http://host?token=***"),
        ("+hydra.storage=postgresql://anna:secret@host/db", "+hydra.storage=postgresql://host/db"),
    ],
)
def test_a_sweep_with_a_secret_is_refused_before_hydra_keeps_its_command_line(given: str, shown: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_overrides(["seed=1,2", given], "config", is_sweep=True)
    assert str(raised.value) == (
        f"{shown}: a password or token in an address would be recorded; leave it out, and set MLFLOW_TRACKING_USERNAME"
        " and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    )


def test_a_sweep_on_a_file_with_an_at_in_its_path_is_none_of_them() -> None:
    given = ["seed=1,2", "tracking.uri=sqlite:////home/a@b/c:d@e/mlflow.db"]
    assert read_overrides(given, "config", is_sweep=True) == given


def test_no_error_shows_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("tracking.urii=http://anna:secret@host: there is no such option")
    assert capsys.readouterr().err == "error: tracking.urii=http://host: there is no such option\n"
