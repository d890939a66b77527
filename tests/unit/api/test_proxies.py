from ipaddress import ip_network

import pytest

from api.proxies import client

OURS = [ip_network("10.0.0.0/24"), ip_network("fd00::/64")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),  # the client made the first up
        ("10.0.0.1", "10.0.0.9, 203.0.113.7", "203.0.113.7"),  # ... also as one of ours
        ("203.0.113.7", "6.6.6.6", "203.0.113.7"),  # it came past the proxy
        ("203.0.113.7", "10.0.0.1", "203.0.113.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown, <script>", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, unknown, 10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("fd00::1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("", "203.0.113.7", ""),  # a socket of the machine
    ],
)
def test_only_what_our_proxies_saw_is_believed(peer: str, forwarded: str, found: str) -> None:
    assert client(peer, forwarded.split(","), OURS) == found


def test_nobody_is_believed_unless_trusted() -> None:
    assert client("10.0.0.1", ["6.6.6.6"], []) == "10.0.0.1"
