"""Machines of their own: network namespaces with nothing in common but a bridge. Only root can make them."""

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path


class Machine:
    """A network namespace, whose only link can be cut."""

    def __init__(self, name: str, link: str) -> None:
        self.name, self._link = name, link

    def start(self, command: Sequence[str], environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a program there."""
        with log.open("ab") as file:
            inside = ["ip", "netns", "exec", self.name, *command]
            return subprocess.Popen(inside, env=dict(environ), stdout=file, stderr=file, cwd=log.parent)

    def cut(self) -> None:
        """Pull the plug: packets vanish, and nobody is told."""
        _ip("link", "set", self._link, "down")

    def join(self) -> None:
        """Put the plug back."""
        _ip("link", "set", self._link, "up")


class Network:
    """A bridge; this machine's address on it, and the others."""

    def __init__(self, address: str, machines: Sequence[Machine]) -> None:
        self.address, self.machines = address, machines


@contextmanager
def network(machines: int) -> Iterator[Network]:
    """So many machines on a bridge of their own."""
    mark = uuid.uuid4().hex[:6]
    subnet = f"10.{200 + int(mark[:2], 16) % 50}.{int(mark[2:4], 16)}"
    bridge = f"epb{mark}"
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge)
        _ip("addr", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        made = []
        for number in range(machines):
            name, here, there = f"ep{mark}-{number}", f"epv{mark}{number}", f"epw{mark}{number}"
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)  # its end of the link goes with it, and so does the other
            _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
            _ip("link", "set", here, "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{subnet}.{2 + number}/24", "dev", there)
            for device in (there, "lo"):
                _ip("-n", name, "link", "set", device, "up")
            made.append(Machine(name, here))
        yield Network(f"{subnet}.1", made)


@cache
def without_machines() -> str | None:
    """Why this machine cannot make others; None when it can."""
    if os.geteuid() == 0:
        with suppress(OSError, subprocess.CalledProcessError), network(1):
            return None
    return "network namespaces cannot be made; they need Linux, iproute2 and root"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
