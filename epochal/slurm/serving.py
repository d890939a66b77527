"""Which jobs a pilot can train, by the devices that it will have."""

import re
from collections.abc import Sequence

ASKS_FOR_GPUS = re.compile(r"(^| )(--gpus|-G|--gres[= ]gpu)")


def served(devices: str, options: Sequence[str]) -> frozenset[str]:
    """The device requests that a pilot serves, with EPOCHAL_DEVICES and options of sbatch.

    What `auto` becomes, the node decides: one of which GPUs are asked has some, and any other may.
    """
    found = set[str]()
    for slot in devices.split(","):
        first, *others = (name.strip().partition(":")[0] for name in slot.split("+"))
        kinds = [first]
        if first == "auto":
            kinds = ["cuda"] if ASKS_FOR_GPUS.search(" ".join(options)) else ["cpu", "cuda"]
        found |= {f"{kind}*{1 + len(others)}" if others else kind for kind in ("auto", *kinds)}
    return frozenset(found)


def slots_of(devices: str) -> int:
    """The slots of a pilot with EPOCHAL_DEVICES; of `auto`, `cpu` and `cuda` the node decides, so each counts as 1."""
    counted = [re.fullmatch(r"cpu:([1-9]\d{0,3})", part.strip()) for part in devices.split(",")]
    return sum(1 if found is None else int(found[1]) for found in counted)
