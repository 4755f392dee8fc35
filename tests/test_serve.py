"""The server of `sarcasm serve`: a real one on a free port, asked as browsers, programs and others would."""

import asyncio
import base64
import io
import json
import os
import re
import signal
import socket
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import quote

import numpy as np
import pytest
import requests
import soundfile

pytest.importorskip("starlette", reason="an extra: pip install -e .[serve]")
pytest.importorskip("uvicorn", reason="an extra: pip install -e .[serve]")

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sarcasm import cli, console
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.packaged import Piece, Prediction
from sarcasm.report.cautions import MADE_UP
from sarcasm.serve import server
from sarcasm.serve.answer import warm_up
from sarcasm.serve.app import application
from sarcasm.serve.facts import facts
from sarcasm.serve.limits import Limits
from sarcasm.serve.server import listen
from sarcasm.serve.uploads import Uploads
from tests.serve_fixtures import FACTS, StandIn, serving
from tests.video_fixtures import damaged_video

MEGABYTE = 10**6


@pytest.fixture(scope="module")
def model() -> StandIn:
    return StandIn()


@pytest.fixture(scope="module")
def address(model) -> Iterator[str]:
    with serving(model, Limits(1, model.longest_seconds)) as address:
        yield address


def sound(seconds: float, rate: int = 16_000, channels: int = 1, level: float = 0.3, kind: str = "WAV") -> bytes:
    noise = np.random.default_rng(0).uniform(-level, level, (round(seconds * rate), channels))
    file = io.BytesIO()
    soundfile.write(file, noise, rate, format=kind)
    return file.getvalue()


def ask(address: str, content, name: str = "clip.wav", **options) -> requests.Response:
    headers = {"X-Clip-Name": quote(name), **options.pop("headers", {})}
    return requests.post(f"{address}/api/predict", data=content, headers=headers, timeout=30, **options)


def refusal(response: requests.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert "Traceback" not in response.text
    return response.json()["error"]


# --- answers ---


@pytest.mark.parametrize(
    ("content", "seconds", "n_pieces"),
    [
        (sound(3), 3.0, 4), (sound(3, 44_100, 2, kind="FLAC"), 3.0, 4), (sound(3, 48_000, kind="OGG"), 3.0, 4),
        (sound(0.2, 192_000, 8), 0.2, 1), (sound(0.1), 0.1, 1),
    ],
    ids=["wav", "stereo_flac", "ogg", "192_khz_8_channels", "0.1_s"],
)  # fmt: skip
def test_a_clip_is_answered_piece_by_piece(address, content, seconds, n_pieces):
    said = ask(address, content).json()
    assert list(said) == ["label", "probability", "threshold", "seconds", "pieces"]
    assert said["seconds"] == pytest.approx(seconds, abs=0.01)
    assert len(said["pieces"]) == n_pieces
    assert said["probability"] == pytest.approx(np.mean([piece["probability"] for piece in said["pieces"]]), abs=1e-5)
    assert (said["label"] == "sarcastic") == (said["probability"] >= said["threshold"])


def test_what_a_video_lacks_is_said_with_the_answer(address, tmp_path):
    said = ask(address, damaged_video(tmp_path).read_bytes(), "clip.mp4").json()
    assert said["seconds"] == pytest.approx(3.0, abs=0.1)
    (warning,) = said["warnings"]
    assert re.fullmatch(r"clip\.mp4 is damaged: \d damaged packets left out, 0\.0\d of 3\.\d\d s missing", warning)


def test_silence_and_channels_that_cancel_out_are_said_with_the_answer(address):
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(32_000) / 16_000)
    for samples, warning in (
        (np.zeros(16_000), "clip.wav is silent"),
        (np.stack([tone, -tone], axis=1), "clip.wav has channels that cancel out (opposite phase) in 2.0 of the 2.0 s"),
    ):
        file = io.BytesIO()
        soundfile.write(file, samples, 16_000, format="WAV")
        (said,) = ask(address, file.getvalue()).json()["warnings"]
        assert said.startswith(warning)


def test_the_page_is_given_a_picture_of_what_is_heard(address):
    from PIL import Image

    said = ask(address, sound(3), params={"picture": "true"}).json()
    picture = Image.open(io.BytesIO(base64.b64decode(said["picture"])))
    # Three whole examples of 0.96 s, a column for each 40 ms.
    assert picture.size == (72, 64)
    assert said["picture_seconds"] == pytest.approx(2.88)


def test_a_file_that_comes_in_chunks_of_unknown_number_is_heard(address):
    content = sound(3)
    chunks = (content[at : at + 1000] for at in range(0, len(content), 1000))
    assert ask(address, chunks).json() == ask(address, content).json()


def test_the_model_says_what_it_is(address):
    told = requests.get(f"{address}/api/model", timeout=10).json()
    assert told == {**FACTS, "limits": {"bytes": MEGABYTE, "seconds": 20.0}}


# --- what cannot be heard ---


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clip.wav", bytes(100 * MEGABYTE))
    return file.getvalue()


CANNOT_BE_HEARD = {
    "text": (b"To be, or not to be, that is the question. " * 10, "neither audio nor a video"),
    "zip_bomb": (zip_bomb(), "neither audio nor a video"),
    "header_only": (sound(0), "holds no sound"),
    "truncated": (sound(3)[:5000], "is truncated"),
    "unfolds": (sound(2, 655_350, 8, kind="FLAC", level=0), "is read of 8 channels at 655350 Hz; cut it into parts"),
    "three_hours": (sound(3 * 3600, 1_000, kind="FLAC", level=0), "lasts longer than 20 s"),
}


@pytest.mark.parametrize("case", CANNOT_BE_HEARD)
def test_what_cannot_be_heard_is_refused_by_its_name(address, case):
    content, cause = CANNOT_BE_HEARD[case]
    assert len(content) < MEGABYTE
    said = refusal(ask(address, content, "Sure, right.wav"), 422)
    assert said.startswith("Sure, right.wav ")
    assert cause in said


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\clips\\a.wav", "a.wav"), ("<b>x</b>.wav", "b>.wav"),
        ("a\r\nSet-Cookie: b\x1b[31m", "aSet-Cookie: b[31m"), ("", "the clip"), ("é…wav", "é…wav"), ("x" * 500, "x" * 120),
    ],
)  # fmt: skip
def test_of_a_name_only_its_last_part_is_said_and_what_is_printable(address, name, called):
    assert refusal(ask(address, b"no sound", name), 422).startswith(f"{called} is neither")


def test_without_a_clip_it_says_what_to_send(address):
    assert "send the bytes of a sound file" in refusal(ask(address, b""), 400)
    assert "--data-binary" in refusal(
        requests.post(f"{address}/api/predict", files={"clip": sound(1)}, timeout=10), 415
    )


def test_other_addresses_and_ways_are_refused(address):
    assert "no such page" in refusal(requests.get(f"{address}/../../etc/passwd", timeout=10), 404)
    assert "another way" in refusal(requests.get(f"{address}/api/predict", timeout=10), 405)
    assert "another way" in refusal(requests.post(f"{address}/", timeout=10), 405)


# --- limits ---


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_file_that_is_too_large_is_refused_and_its_sender_hears_why(address, is_chunked):
    content = bytes(MEGABYTE + 1)
    said = refusal(ask(address, iter([content]) if is_chunked else content), 413)
    assert said == "the file is larger than 1 MB; cut it into parts, or start with more --max-mb"


def raw(address: str, request: str, late: bytes = b"", after: float = 0) -> str:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        threading.Event().wait(after)
        connection.sendall(late)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


def test_a_terabyte_that_is_announced_is_refused_before_it_is_sent(address):
    answer = raw(address, "POST /api/predict HTTP/1.1\nHost: localhost\nContent-Length: 1000000000000\n\n")
    assert answer.startswith("HTTP/1.1 413 ")
    assert raw(address, "POST /api/predict HTTP/1.1\nHost: localhost\nContent-Length: -1\n\n").startswith(
        "HTTP/1.1 400 "
    )


def test_chunks_without_end_are_cut_off(address):
    n_sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal n_sent
        while True:
            n_sent += 1
            yield bytes(MEGABYTE)

    # The connection is closed, whether or not a sender looks at the answer before that.
    with suppress(requests.ConnectionError):
        assert "larger than 1 MB" in refusal(ask(address, endless()), 413)
    assert n_sent < 100


def test_who_sends_too_slowly_is_asked_to_send_again():
    with serving(StandIn(), Limits(1, 20, upload_seconds=0.2)) as address:
        answer = raw(address, "POST /api/predict HTTP/1.1\nHost: localhost\nContent-Length: 1000\n\nRIFF")
    assert answer.startswith("HTTP/1.1 408 ")
    assert "has not arrived within 0.2 s" in answer


def test_who_still_sends_when_the_server_ends_is_told_so():
    async def receive():
        raise asyncio.CancelledError  # as uvicorn ends what it waits for no longer

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(HTTPException) as caught:
        asyncio.run(Uploads(Limits(1, 20)).content(request))
    assert (caught.value.status_code, caught.value.detail) == (
        503, "the server has ended; send it again when it is there",
    )  # fmt: skip


@pytest.mark.parametrize("limits", [Limits(1, 20, uploads=3), Limits(1, 20, waiting=1)], ids=["by number", "by bytes"])
def test_slow_senders_keep_nobody_out(limits):
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600000\r\n\r\n"
    with serving(StandIn(), limits) as address:
        host, port = address.removeprefix("http://").split(":")
        with ExitStack() as stack:
            slow = [stack.enter_context(socket.create_connection((host, int(port)), 10)) for _ in range(6)]
            for connection in slow:
                connection.sendall(head + bytes(400_000))
            assert ask(address, sound(1)).status_code == 200
            gave_way = slow[0].recv(4096).decode()
    assert gave_way.startswith("HTTP/1.1 408 ")
    assert "the file came slowly, and others were waiting; send it again" in gave_way


def test_who_goes_away_while_sending_leaves_nothing_behind(address, capfd):
    host, port = address.removeprefix("http://").split(":")
    for _ in range(6):
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nRIFF")
    # No place is still taken by them.
    ends = threading.Event()
    for _ in range(50):
        if ask(address, sound(1)).status_code == 200:
            break
        ends.wait(0.1)
    assert ask(address, sound(1)).status_code == 200
    assert capfd.readouterr().err == ""


def test_clips_are_heard_one_at_a_time_and_few_may_wait():
    model = StandIn()
    model.may_go_on.clear()
    with serving(model, Limits(1, 20, waiting=3)) as address:
        answers: list[int] = []
        senders = [
            threading.Thread(target=lambda: answers.append(ask(address, sound(1)).status_code)) for _ in range(8)
        ]
        for sender in senders:
            sender.start()
        while len(answers) < 5:
            senders[0].join(0.02)
        assert answers == [503] * 5
        full = ask(address, sound(1))
        assert "clips are waiting already" in refusal(full, 503)
        assert full.headers["retry-after"] == "2"
        model.may_go_on.set()
        for sender in senders:
            sender.join()
    assert sorted(answers) == [200] * 3 + [503] * 5
    assert model.most_at_once == 1


# --- who may ask ---


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil.example", ""]
)
def test_by_another_name_nobody_is_answered(address, host):
    """A page elsewhere whose name was made to lead here (DNS rebinding)."""
    for path in ("/", "/api/model"):
        response = requests.get(address + path, headers={"Host": host}, timeout=10)
        assert response.status_code == 400
        assert response.text == "Invalid host header"


WRITTEN_OUT = {
    "no host": ("GET /api/model HTTP/1.1\n\n", "4"),
    "no host, as before 1.1": ("GET /api/model HTTP/1.0\n\n", "4"),
    "two hosts": ("GET /api/model HTTP/1.1\nHost: localhost\nHost: evil.example\n\n", "4"),
    "two hosts, the right one last": ("GET /api/model HTTP/1.1\nHost: evil.example\nHost: localhost\n\n", "4"),
    "two hosts in one": ("GET /api/model HTTP/1.1\nHost: localhost:80, evil.example\n\n", "4"),
    "a whole address": ("GET http://evil.example/api/model HTTP/1.1\nHost: localhost\n\n", "4"),
    "its own whole address": ("GET http://localhost/api/model HTTP/1.1\nHost: localhost\n\n", "4"),
    "no path": ("OPTIONS * HTTP/1.1\nHost: localhost\n\n", "4"),
    "a long header": (f"GET /api/model HTTP/1.1\nHost: localhost\nX: {'x' * 17_000}\n\n", "4"),
    "a long address": (f"GET /api/model?{'x' * 17_000} HTTP/1.1\nHost: localhost\n\n", "4"),
    "many headers": (f"GET /api/model HTTP/1.1\nHost: localhost\n{'X: x' + chr(10)}" + "X: x\n" * 150 + "\n", "4"),
    "letters of any size": ("GET /api/model HTTP/1.1\nHost: LOCALHOST:5010\nConnection: close\n\n", "200"),
}


@pytest.mark.parametrize(("request_", "status"), WRITTEN_OUT.values(), ids=WRITTEN_OUT)
def test_what_no_browser_sends_is_refused(address, request_, status):
    request_ = request_.replace(".1\n", ".1\nConnection: close\n", 1)
    # A head that comes in parts is refused by the parser, with another number.
    assert raw(address, request_).startswith((f"HTTP/1.1 {status}", f"HTTP/1.0 {status}"))


@pytest.mark.parametrize(
    ("headers", "path", "error"),
    [
        ([(b"host", b"localhost"), (b"host", b"evil.example")], b"/", "this server is called 127.0.0.1 or localhost"),
        ([(b"host", b"localhost")], b"http://evil.example/", "ask for a path of this server, such as /api/model"),
        ([(b"host", b"localhost"), *[(b"x", b"")] * 100], b"/", "the request has more than 100 headers"),
        ([(b"host", b"localhost"), (b"x", b"x" * 16_384)], b"/", "or 16384 bytes of them"),
    ],
    ids=["two hosts", "a whole address", "many headers", "a long header"],
)
def test_so_it_is_whatever_the_parser_lets_through(headers, path, error):
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/", "raw_path": path, "query_string": b"",
        "headers": headers, "scheme": "http", "root_path": "",
    }  # fmt: skip
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(application(StandIn(), FACTS, Limits(1, 20))(scope, None, send))
    assert sent[0]["status"] in (400, 431)
    assert error in json.loads(sent[1]["body"])["error"]


def test_a_request_that_does_not_begin_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    with serving(StandIn(), Limits(1, 20)) as address:
        for begun in ("", "GET / HTTP/1.1\nHost: loc", "GET /page.css HTTP/1.1\nHost: localhost\n\nGET / HT"):
            assert ("HTTP/1.1 200" in raw(address, begun)) == begun.startswith("GET /page.css")
        # The body has a time of its own.
        head = "POST /api/predict HTTP/1.1\nHost: localhost\nContent-Length: 4\n\n"
        answer = raw(address, head, late=b"RIFF", after=0.4)
        assert answer.startswith("HTTP/1.1 422 ")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://localhost:3000"])
def test_the_pages_of_others_may_not_ask(address, origin):
    assert "only the page of this server" in refusal(ask(address, sound(1), headers={"Origin": origin}), 403)
    before = requests.options(
        f"{address}/api/predict", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}, timeout=10
    )
    assert before.status_code == 403
    assert not [name for name in before.headers if name.lower().startswith("access-control")]


def test_its_own_page_may_ask_by_either_name_and_from_behind_ssh(address):
    port = address.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost:9000"):
        own = {"Host": host, "Origin": f"http://{host}"}
        assert ask(address, sound(1), headers=own).status_code == 200


def test_every_answer_holds_the_browser_to_this_server(address):
    for response in (
        requests.get(address, timeout=10), requests.get(f"{address}/nowhere", timeout=10), ask(address, sound(1)),
        requests.get(address, headers={"Host": "evil.example"}, timeout=10),
    ):  # fmt: skip
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "server" not in response.headers


def test_what_the_page_loads_is_there_and_nothing_of_it_is_elsewhere(address):
    html = requests.get(address, timeout=10).text
    assert "http://" not in html.replace("http://127.0.0.1:PORT", "")
    assert "https://" not in html
    for name in ("page.css", "timeline.js", "serve.js", "recorder.js"):
        assert requests.get(f"{address}/{name}", timeout=10).status_code == 200


# --- a real model ---


def test_it_says_of_a_clip_what_the_run_recorded(packaged_run, package):
    warm_up(package)
    row = packaged_run.rows("predictions.csv")[0]
    with serving(package, Limits(25, 120), facts(package.description, "")) as address:
        said = ask(address, packaged_run.clip(row["utterance"]).read_bytes()).json()
        told = requests.get(f"{address}/api/model", timeout=10).json()
    pieces = tuple(Piece(**piece) for piece in said.pop("pieces"))
    packaged_run.assert_said(row["utterance"], Prediction(**said, pieces=pieces))
    assert told["cautions"][0] == MADE_UP
    assert told["made_up"]
    assert told["run_id"] == packaged_run.run_id
    assert any("not known" in fact for fact in told["facts"])


# --- mistakes and ends ---


def test_a_mistake_of_ours_is_told_to_the_terminal_and_not_to_the_asker(caplog):
    caplog.handler.filters.clear()  # the web server's word counts here
    with serving(StandIn(error=RuntimeError("secret")), Limits(1, 20)) as address:
        said = refusal(ask(address, sound(1)), 500)
        assert "secret" not in said
    assert "secret" in caplog.text


def test_from_the_command_line_it_waits_until_ctrl_c(packaged_run, capfd):
    with listen(0) as free:
        port = free.getsockname()[1]
    told: list[dict] = []

    def visit() -> None:
        while not told:
            with suppress(requests.ConnectionError):
                told.append(requests.get(f"http://127.0.0.1:{port}/api/model", timeout=60).json())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=visit, daemon=True).start()
    words = ["--run", packaged_run.run_id[:8], "--port", str(port), "--max-mb", "2", "--max-seconds", "9"]
    assert cli.main(["serve", *words, packaged_run.store]) == console.DONE
    assert told[0]["limits"] == {"bytes": 2 * MEGABYTE, "seconds": 9.0}
    seen = capfd.readouterr()
    assert f"http://127.0.0.1:{port}  (nothing that is sent there is kept; Ctrl-C ends it)\n" in seen.out
    score = float(re.search(r"weighted F ([0-9.]+) on its test clips \(95 %: [0-9.]+ to [0-9.]+\)", seen.out)[1])
    report = json.loads((packaged_run.artifacts / "classification_report.json").read_text())
    assert score == pytest.approx(report["utterance"]["weighted avg"]["f1-score"], abs=0.0006)
    assert seen.err.splitlines()[:2] == ["note: loading the model", f"warning: {MADE_UP}"]
    assert not [line for line in seen.err.splitlines()[1:] if not line.startswith("warning: ")]


def test_without_the_extra_it_names_it(monkeypatch, capsys):
    for name in ("answer", "app", "facts", "server"):
        monkeypatch.delitem(sys.modules, f"sarcasm.serve.{name}")
        monkeypatch.delattr(f"sarcasm.serve.{name}")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert cli.main(["serve", "--run", "last"]) == console.FAILED
    assert capsys.readouterr().err == (
        "error: sarcasm serve: uvicorn is not installed; install it with pip install 'sarcasm[serve]'\n"
    )


def test_a_port_that_is_taken_is_said_before_anything_is_loaded():
    with listen(0) as first:
        port = first.getsockname()[1]
        assert first.getsockname()[0] == "127.0.0.1"
        with pytest.raises(SarcasmError, match=f"port {port} is taken by another program.*--port 0"):
            listen(port)
    with pytest.raises(ConfigError, match="--port 70000: a number from 0 to 65535 is needed"):
        listen(70_000)
