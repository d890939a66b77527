"""What a job wants to train on, as one word: `auto`, `cpu` or `cuda`; `cuda*2` for two that train it together."""

from collections.abc import Sequence

KINDS = ("cpu", "cuda")
ONE = ("auto", *KINDS)
"""Wishes for one device."""


def wish(kind: str, count: int) -> str:
    """The word for so many devices of a kind."""
    return kind if count == 1 else f"{kind}*{count}"


def granted(device: str) -> tuple[str, str]:
    """The wishes that a slot's device fulfils: `cpu`, `cuda:0`, or several that work together, `cuda:0+cuda:1`."""
    count = device.count("+") + 1
    return wish("auto", count), wish(kind_of(device), count)


def kind_of(device: str) -> str:
    """What kind of device it is."""
    return device.split("+", maxsplit=1)[0].split(":", maxsplit=1)[0]


def rivals(wanted: str) -> Sequence[str]:
    """Wishes that may be granted in place of this one, itself among them."""
    kind, _, count = wanted.partition("*")
    return [wish(other, int(count or 1)) for other in (ONE if kind == "auto" else ("auto", kind))]


def words(wanted: str) -> str:
    """The wish, for people."""
    kind, _, count = wanted.partition("*")
    if not count:
        return {"auto": "a slot", "cpu": "a CPU slot", "cuda": "a GPU"}[kind]
    mates = {"auto": "devices", "cpu": "processes", "cuda": "GPUs"}[kind]
    return f"a slot of {count} {mates}"


def how_to_grant(wanted: str) -> str:
    """What `epochal worker --devices` must be told to grant it."""
    kind, _, count = wanted.partition("*")
    if not count:
        return kind
    return "+".join(f"cuda:{index}" if kind == "cuda" else "cpu" for index in range(int(count)))
