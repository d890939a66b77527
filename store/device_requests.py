"""What a job asks to train on, as one word: `auto`, `cpu` or `cuda`; `cuda*2` for two devices that train together."""

from collections.abc import Sequence

KINDS = ("cpu", "cuda")
ONE = ("auto", *KINDS)
"""Requests for one device."""


def device_request(kind: str, count: int) -> str:
    """The word for so many devices of a kind."""
    return kind if count == 1 else f"{kind}*{count}"


def served(device: str) -> tuple[str, str]:
    """The requests that a device can serve: `cpu`, `cuda:0`, or several that train together, `cuda:0+cuda:1`."""
    count = device.count("+") + 1
    return device_request("auto", count), device_request(kind_of(device), count)


def kind_of(device: str) -> str:
    """What kind of device it is."""
    return device.split("+", maxsplit=1)[0].split(":", maxsplit=1)[0]


def rivals(request: str) -> Sequence[str]:
    """Requests that may be served in place of this one, and this one."""
    kind, _, count = request.partition("*")
    return [device_request(other, int(count or 1)) for other in (ONE if kind == "auto" else ("auto", kind))]


def words(request: str) -> str:
    """The request, in words."""
    kind, _, count = request.partition("*")
    if not count:
        return {"auto": "a slot", "cpu": "a CPU slot", "cuda": "a GPU"}[kind]
    names = {"auto": "devices", "cpu": "processes", "cuda": "GPUs"}[kind]
    return f"a slot of {count} {names}"


def how_to_serve(request: str) -> str:
    """What `epochal worker --devices` needs, to serve it."""
    kind, _, count = request.partition("*")
    if not count:
        return kind
    return "+".join(f"cuda:{index}" if kind == "cuda" else "cpu" for index in range(int(count)))
