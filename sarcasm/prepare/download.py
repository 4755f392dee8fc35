"""Fetch a file over HTTP so that nothing is fetched twice: what a cut connection or a kill left is continued.

The bytes gather in `.NAME.part` beside the target, and what the server called that version of the file (its ETag, date
and size) in `.NAME.part.version`. The rest is asked for by a range request that holds only for the same version (RFC
9110, sections 13.1.5 and 14.2); a server that cannot do so, or says nothing to tell versions apart by, sends everything
again, and so does another address. What fails is tried again after a pause that doubles, or that the server asks for;
whenever more of the file is there than ever before, the count begins anew. What will hardly pass, such as 404 or a web
page, is tried less often. requests does the HTTP; it has no resuming of its own.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sarcasm.addresses import ask_directly, by_proxy, without_password
from sarcasm.errors import SourceError
from sarcasm.files import named, part_of

if TYPE_CHECKING:
    from requests import RequestException, Response, Session

CONNECT_SECONDS, SILENCE_SECONDS = 10, 30
"""How long a server may take to accept a connection, and to say nothing in the middle."""
TRIES, HOPELESS_TRIES = 8, 3
"""In a row without a single new byte; and how many of them may be of the kind that will hardly pass."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 120
"""A server that asks for more is not waited for."""
BLOCK_BYTES = 2**14
"""Read at a time; a cut connection loses the block it cut."""
MAY_PASS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
LENGTH = re.compile(r"[0-9]{1,18}")
CONTENT_RANGE = re.compile(r"bytes (?:(?P<start>[0-9]{1,18})-[0-9]+|\*)/(?P<size>[0-9]{1,18}|\*)")

Advance = Callable[[int, int | None], None]
"""Is told how many bytes are there now, and of how many; None where that is not known."""


class _Failure(Exception):  # noqa: N818
    """What the server did, worded to follow its address.

    Attributes:
        tries: how often it is worth a try.
        pause: for how many seconds the server asks to wait.
    """

    def __init__(self, reason: str, tries: int = TRIES, pause: float = 0) -> None:
        super().__init__(reason)
        self.tries, self.pause = tries, pause


@dataclass(frozen=True)
class _Version:
    """What tells versions of a file apart: where it was asked for, and what the server says; "" or None for nothing.

    The address is hashed, since it may carry a password.
    """

    address_sha256: str
    etag: str
    modified: str
    n_bytes: int | None

    @property
    def condition(self) -> dict[str, str]:
        """The header by which a range holds for this version only; a weak ETag may not stand there."""
        validator = self.etag if self.etag.startswith('"') else self.modified
        return {"If-Range": validator} if validator else {}

    def may_be(self, other: _Version) -> bool:
        """Whether an answer to a request for the rest of this version, and no other, is about the same one."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified), (self.n_bytes, other.n_bytes))
        same = [mine == theirs for mine, theirs in pairs if mine and theirs]
        # Where nothing can be compared, the condition has to vouch for it.
        return all(same) and (bool(same) or bool(self.condition))


def begin_anew(target: Path) -> None:
    """Forget what was fetched of a file so far."""
    part_of(target).unlink(missing_ok=True)
    _version_of(target).unlink(missing_ok=True)


def n_bytes_there(url: str, target: Path) -> int:
    """How much of a file an earlier call left that `download` can continue; 0 where it is of no use."""
    return _size(part_of(target)) if _noted_version(target, url) else 0


def _version_of(target: Path) -> Path:
    part = part_of(target)
    return part.with_name(f"{part.name}.version")


def download(
    url: str, target: Path, n_expected: int | None, option: str, advance: Advance, say: Callable[[str], None]
) -> Path:
    """Fetch a file into its `.part`, continuing what is there.

    Args:
        url: http:// or https://.
        target: where the file shall stand; it is not touched.
        n_expected: its size in bytes, or None where that is not known.
        option: what names the url, for messages.
        advance: is told how far it is, whenever there are more bytes.
        say: takes a line for the user, when something is tried again.

    Returns:
        The part, complete by the server's word; whether it is the right file is for the caller to find out.

    Raises:
        SourceError: the server does not have it, sends something else, or fails again and again.
        OSError: it cannot be written.
    """
    import requests

    ask_directly(url)
    part, shown = part_of(target), without_password(urlsplit(url).geturl())
    failures: list[_Failure] = []
    n_most = 0
    with requests.Session() as session:
        while True:
            try:
                _continue(session, url, target, n_expected, advance)
            except (_Failure, requests.RequestException) as error:
                failure = error if isinstance(error, _Failure) else _failure(error)
                # Compared with the most, or a server that cuts each time and cannot continue would be asked for ever.
                if _size(part) > n_most:
                    n_most = _size(part)
                    failures.clear()
                failures.append(failure)
                pause = max(failure.pause, FIRST_PAUSE_SECONDS * 2 ** (len(failures) - 1))
                n_alike = sum(each.tries <= failure.tries for each in failures)
                if n_alike >= failure.tries or pause > LONGEST_PAUSE_SECONDS:
                    tried = f" (the last of {len(failures)} tries)" if len(failures) > 1 else ""
                    raise SourceError(
                        f"{target.name}: {shown} {failure}{tried}{by_proxy(url)}; try again later (what"
                        f" is there is continued), or name another place with {option}=URL_OR_FILE"
                    ) from error
                say(f"{target.name}: {urlsplit(url).hostname} {failure}; trying again in {pause:.1f} s")
                time.sleep(pause)
            else:
                return part


def _continue(session: Session, url: str, target: Path, n_expected: int | None, advance: Advance) -> None:
    """Ask once for what is missing, and write it down as it comes."""
    part, begun = part_of(target), _noted_version(target, url)
    n_there = _size(part) if begun else 0
    if begun and n_there == begun.n_bytes:
        advance(n_there, n_there)
        return
    # Without compression, or ranges would count bytes other than those of the file.
    headers = {"Accept-Encoding": "identity"}
    if begun and n_there:
        headers |= {"Range": f"bytes={n_there}-", **begun.condition}
    with _ask(session, url, headers) as response:
        offered = _offered_version(response, url)
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and begun and n_there:
            if n_there == offered.n_bytes and begun.may_be(offered):
                return
            begin_anew(target)
            raise _Failure("has another version than the one begun")
        _refuse(response, offered.n_bytes, n_expected)
        is_rest = response.status_code == HTTPStatus.PARTIAL_CONTENT
        sizes = (n_expected, offered.n_bytes, begun.n_bytes if begun and is_rest else None)
        n_total = next((size for size in sizes if size is not None), None)
        if is_rest:
            is_asked_for = begun and begun.may_be(offered) and _start(response) == n_there
            # A range of a file whose size nobody knows may end anywhere.
            if not is_asked_for or n_total is None:
                begin_anew(target)
                raise _Failure("sent another range, or of another version, than was asked for")
        else:
            n_there = 0
            begin_anew(target)
            with named(_version_of(target)):
                _version_of(target).write_text(json.dumps(asdict(offered)), encoding="utf-8")
        # Around the file, since closing it writes too.
        with named(part), part.open("ab") as file:
            for block in response.iter_content(BLOCK_BYTES):
                file.write(block)
                n_there += len(block)
                advance(n_there, n_total)
                if n_total is not None and n_there > n_total:
                    break
            file.flush()
            os.fsync(file.fileno())
    if n_total is not None and n_there != n_total:
        if n_there > n_total:
            begin_anew(target)
        raise _Failure(f"stopped at {n_there:,} of {n_total:,} bytes", HOPELESS_TRIES if n_there > n_total else TRIES)


def _ask(session: Session, url: str, headers: dict[str, str]) -> Response:
    import requests

    try:
        response = session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, SILENCE_SECONDS))
    except requests.RequestException:
        raise
    except ValueError as error:
        # From urllib, which requests hands on.
        said = without_password(str(error))
        raise _Failure(f"is not an address, or leads on to what is none ({said})", tries=1) from error
    stations = [each.url for each in (*response.history, response)]
    plain = next((each for each in stations if urlsplit(each).scheme != "https"), None)
    if plain and urlsplit(url).scheme == "https":
        response.close()
        raise _Failure(f"leads on to {without_password(plain)}, which is not encrypted", tries=1)
    return response


def _refuse(response: Response, n_total: int | None, n_expected: int | None) -> None:
    """Stop at an answer that is not the file.

    Raises:
        _Failure: always then.
    """
    status = response.status_code
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        may_pass = status in MAY_PASS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        pause = _asked_pause(response)
        asks = f" and asks to wait for {pause:.0f} s" if pause > LONGEST_PAUSE_SECONDS else ""
        raise _Failure(
            f"answered {status} {response.reason or ''}".strip() + asks, TRIES if may_pass else HOPELESS_TRIES, pause
        )
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise _Failure(
            "sent a web page instead of the file (it may want a login: a browser can save the file)",
            HOPELESS_TRIES,
        )
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        # Neither the sizes nor the ranges would be those of the file.
        raise _Failure("sent the file compressed, which it was asked not to", HOPELESS_TRIES)
    if n_total is not None and n_expected is not None and n_total != n_expected:
        raise _Failure(
            f"has {n_total:,} bytes where {n_expected:,} are expected: another file or version", HOPELESS_TRIES
        )


def _asked_pause(response: Response) -> float:
    """Seconds, from a number or a date (RFC 9110, section 10.2.3); 0 where none is asked for."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except (ValueError, OverflowError):
        return 0
    # Python takes -0000 for no zone at all.
    until = until.replace(tzinfo=until.tzinfo or datetime.UTC)
    return max(0.0, (until - datetime.datetime.now(datetime.UTC)).total_seconds())


def _offered_version(response: Response, url: str) -> _Version:
    headers = response.headers
    if found := CONTENT_RANGE.fullmatch(headers.get("Content-Range", "")):
        n_bytes = int(found["size"]) if found["size"] != "*" else None
    else:
        length = headers.get("Content-Length", "")
        n_bytes = int(length) if LENGTH.fullmatch(length) and response.status_code == HTTPStatus.OK else None
    return _Version(_address_sha256(url), headers.get("ETag", ""), headers.get("Last-Modified", ""), n_bytes)


def _address_sha256(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _noted_version(target: Path, url: str) -> _Version | None:
    """Of the part that is there; None where it is not known, or from another address, and the part thus of no use."""
    try:
        begun = _Version(**json.loads(_version_of(target).read_bytes()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
    return begun if part_of(target).exists() and begun.address_sha256 == _address_sha256(url) else None


def _start(response: Response) -> int | None:
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(found["start"]) if found and found["start"] else None


def _failure(error: RequestException) -> _Failure:
    import requests
    from requests import exceptions

    # A wrong certificate stays wrong, and so does an address that is none.
    lasting = {
        exceptions.TooManyRedirects: "leads on from one address to the next without end",
        exceptions.InvalidURL: "is not an address",
        exceptions.InvalidSchema: "is not an address, or leads on to what is none",
    }
    passing = {
        requests.Timeout: "does not answer",
        exceptions.ChunkedEncodingError: "cut the connection",
        exceptions.SSLError: "cannot be reached encrypted, or cut the connection",
        requests.ConnectionError: "cannot be reached, or cut the connection",
    }
    if isinstance(error, exceptions.InvalidSchema) and "SOCKS" in str(error):
        return _Failure("cannot be asked, as requests by itself knows no SOCKS proxy", tries=1)
    # A connection that is cut while it is being encrypted is an SSLError too.
    if isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return _Failure("has a certificate that cannot be trusted", tries=1)
    for kind, reason in lasting.items():
        if isinstance(error, kind):
            return _Failure(reason, tries=1)
    said = f"failed ({without_password(str(error))})"
    return _Failure(next((reason for kind, reason in passing.items() if isinstance(error, kind)), said))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
