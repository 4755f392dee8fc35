"""Does anyone answer where the tracking server should be?"""

from __future__ import annotations

import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from sarcasm.addresses import ask_directly, by_proxy
from sarcasm.errors import TrackingError, UnreachedError
from sarcasm.tracking.failures import ELSEWHERE

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
        TrackingError: see `refuse_wrong`.
    """
    refuse_wrong(uri)
    ask_directly(uri)
    # Nothing is told and nothing believed here, so any certificate will do; MLflow's client checks it.
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + timeout_seconds
    for tries_left in reversed(range(TRIES)):
        remaining = deadline - time.monotonic()
        try:
            # The caller has seen that it is http or https.
            urllib.request.urlopen(  # noqa: S310
                f"{uri.rstrip('/')}/health", timeout=max(remaining, 0.1), context=anyone
            ).close()
            return
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return
        except (OSError, http.client.HTTPException) as error:
            if not tries_left or deadline - time.monotonic() < PAUSE_SECONDS:
                raise UnreachedError(
                    f"tracking server {uri} does not answer ({_reason(error)}); start it {ELSEWHERE}{by_proxy(uri)}"
                ) from error
        time.sleep(PAUSE_SECONDS)


def refuse_wrong(uri: str) -> None:
    """Refuse what is no address, or holds a secret, which each run would be recorded with.

    Args:
        uri: http(s)://SERVER.

    Raises:
        TrackingError: always then.
    """
    scheme = uri.partition("://")[0]
    user, _, rest = re.sub("%40", "@", uri, flags=re.IGNORECASE).rpartition("@")
    if user:
        raise TrackingError(
            f"tracking server {scheme}://{rest}: its address holds a name or a password, which would be recorded; leave"
            " them out, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    plain = re.split("[?#]", uri)[0]
    if plain != uri:
        raise TrackingError(
            f"tracking server {plain}: give the address alone, without what follows the {uri[len(plain)]}; a token"
            " belongs into MLFLOW_TRACKING_TOKEN"
        )
    try:
        is_address = bool(urlsplit(uri).hostname) and urlsplit(uri).port != 0  # a port out of range raises
    except ValueError:
        is_address = False
    if not is_address:
        raise TrackingError(f"tracking server {uri}: not an address; give one such as http://localhost:5000")


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).lower()
