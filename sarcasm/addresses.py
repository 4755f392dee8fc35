"""Addresses of servers: shown without the secrets that they may hold, and asked past a proxy where they are of this
machine.

A secret is what stands before an @ (RFC 3986, section 3.2.1), and the value of each parameter behind a question mark or
a hash, since tokens and signatures stand there.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from urllib.parse import urlsplit

USER = re.compile(
    # Within the authority; or beyond it, where a slash in the password seems to end it: "secret" is the number of no
    # port. A file has no authority.
    r"""(?<=://)(?!/)(?:[^\s/?#"']*(?:@|%40)|[^\s/?#"':\[]*:(?!\d*(?:[\s/?#"',]|$))[^\s"']*(?:@|%40))"""
)
PARAMETERS = re.compile(r"""(?<=://)([^\s/?#"'][^\s?#"']*)([?#][^\s"']*)""")
VALUE = re.compile(r"=[^&;#]*")


def without_password(text: str) -> str:
    """A text as it may be shown: its addresses without name and password, and with *** for values of parameters."""
    return PARAMETERS.sub(lambda found: found[1] + VALUE.sub("=***", found[2]), USER.sub("", text))


def is_of_this_machine(address: str) -> bool:
    """Whether an address leads back to the machine that asks: localhost, 127.0.0.0/8, ::1, or none in particular."""
    host = host_of(address)
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        try:
            number = ipaddress.ip_address(socket.inet_aton(host))  # 127.1 and the like
        except (OSError, ValueError):
            return False
    plain = getattr(number, "ipv4_mapped", None) or number
    return bool(plain.is_loopback or plain.is_unspecified)


def host_of(address: str) -> str:
    """The host of an address, in small letters; empty where it has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def ask_directly(address: str) -> None:
    """Let nothing in this process ask a proxy for an address of this machine, which the proxy would look for on its
    own; other addresses are asked for as the environment has it.
    """
    if not is_of_this_machine(address):
        return
    excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in excepted.split(",")]
    host = host_of(address)
    if excepted.strip() == "*" or host in hosts:
        return
    # In both, as programs differ in which of them they heed.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, [*hosts, host]))


def by_proxy(address: str) -> str:
    """What to say of a proxy that stands before a server that failed, for the end of a message; empty for none."""
    from requests.utils import get_environ_proxies, select_proxy

    scheme = address.partition("://")[0].lower()
    if scheme not in ("http", "https") or not host_of(address):
        return ""
    if not select_proxy(address, get_environ_proxies(address)):
        return ""
    kinds = (f"{scheme}_proxy", "all_proxy")
    names = [name for kind in kinds for name in (kind, kind.upper()) if os.environ.get(name)]
    through = names[0].upper() if names else "the system's settings"
    return f" (asked through the proxy of {through}; if it needs none, add {host_of(address)} to NO_PROXY)"
