"""Does anyone answer where the tracking server should be?"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from sarcasm.errors import TrackingError, UnreachedError
from sarcasm.tracking.failures import ELSEWHERE, without_password

TRIES = 3
PAUSE_SECONDS = 0.5


def await_server(uri: str, timeout_seconds: float) -> None:
    """Return once the server answers, whatever it answers: what it says is for MLflow's client to judge.

    MLflow's own client would try for minutes before it gives up. A server that is just being restarted is asked a few
    times.

    Args:
        uri: http(s)://SERVER.
        timeout_seconds: of all tries together.

    Raises:
        UnreachedError: nobody answers in time.
        TrackingError: the address is no address.
    """
    shown = without_password(uri)
    try:
        is_address = bool(urlsplit(uri).hostname) and urlsplit(uri).port != 0  # a port out of range raises
    except ValueError:
        is_address = False
    if not is_address:
        raise TrackingError(f"tracking server {shown}: not an address; give one such as http://localhost:5000")
    # Nothing is told and nothing believed here, so any certificate will do; MLflow's client checks it.
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + timeout_seconds
    for tries_left in reversed(range(TRIES)):
        remaining = deadline - time.monotonic()
        try:
            # The caller has seen that it is http or https.
            urllib.request.urlopen(  # noqa: S310
                f"{shown.rstrip('/')}/health", timeout=max(remaining, 0.1), context=anyone
            ).close()
            return
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return
        except (OSError, http.client.HTTPException) as error:
            if not tries_left or deadline - time.monotonic() < PAUSE_SECONDS:
                raise UnreachedError(
                    f"tracking server {shown} does not answer ({_reason(error)}); start it {ELSEWHERE}"
                ) from error
        time.sleep(PAUSE_SECONDS)


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).lower()
