"""A sweep of many trials through the whole service: `python -m benchmarks.long_sweep [--trials N] [--write]`.

For random search and for TPE with Hyperband: how long the sweep takes, how much of that its controller asks (as its log
says: reading the history, proposing, validating), and how fast the page of trials answers at the end. The jobs are
digits, hidden [32], at most 9 epochs, on two CPU slots.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from os import getloadavg
from pathlib import Path
from typing import Any

import httpx

from .machine import about, command
from .service import ServiceFailedError, running_stack, until
from .sweep_service import finished, state
from .tables import PAGE, replace_section, table

BASE = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [32]}, "epochs": 9, "train_metrics": "running"}
SPACE = {
    "learning_rate": {"log_uniform": [1e-4, 1e-1]},
    "dropout": {"uniform": [0.0, 0.6]},
    "weight_decay": {"log_uniform": [1e-6, 1e-2]},
}
SWEEPS: Mapping[str, Mapping[str, Any]] = {
    "random, Hyperband": {"method": "random", "halving": {"type": "hyperband"}},
    "TPE, Hyperband": {"method": "tpe", "halving": {"type": "hyperband"}},
    "TPE, first epoch": {"method": "tpe", "halving": {"type": "first_epoch"}, "generation": 128},
}
PAGES: Mapping[str, Mapping[str, str]] = {
    "first page": {},
    "page of the best": {"sort": "score"},
    "a page in the middle": {"sort": "score", "cursor": "5000"},
}
ASKED = re.compile(r"asked in ([0-9.]+) s")
LOOKS = 30
PATIENCE_S = 3600.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table; with --write put it into the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.long_sweep", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="a tiny smoke run, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", choices=list(SWEEPS), metavar="NAME", default=list(SWEEPS))
    options = parser.parse_args(arguments)
    trials = 30 if options.quick else options.trials
    rows = []
    for name in options.only[: 1 if options.quick else None]:
        rows.append(measured(name, trials))
        print(" | ".join(rows[-1]), flush=True)
    header = ["", "trials", "seconds", "trials/s", "asking, s", "of the whole", *(f"{name}, ms" for name in PAGES)]
    load = f"Pages: median and slowest of {LOOKS} looks, over HTTP. Load after: {getloadavg()[0]:.1f}."
    text = f"{table(header, rows)}\n\n{command('long_sweep', arguments)}: {about('torch')} {load}"
    print(text)
    if options.write:
        replace_section(PAGE, "long sweep", text)


def measured(name: str, trials: int) -> list[str]:
    """The row of one sweep."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as (api, _):
        body = {"base": BASE, "space": SPACE, "objective": "val_loss", **SWEEPS[name]}
        finished(api, body | {"trials": 30})
        before = asked_s(Path(folder))
        began = time.perf_counter()
        sweep_id = str(api.post("/api/v1/sweeps", json=body | {"trials": trials}).raise_for_status().json()["id"])
        until("the sweep has ended", lambda: state(api, sweep_id) != "running", every_s=0.5, patience_s=PATIENCE_S)
        wall_s = time.perf_counter() - began
        whole = api.get(f"/api/v1/sweeps/{sweep_id}").raise_for_status().json()
        if sum(whole["trials"].values()) != trials or whole["trials"]["open"]:
            raise ServiceFailedError(f"of {trials} configurations there are {whole['trials']}")
        asking = asked_s(Path(folder)) - before
        return [
            name,
            f"{trials:,}",
            f"{wall_s:.0f}",
            f"{trials / wall_s:.0f}",
            f"{asking:.1f}",
            f"{asking / wall_s:.1%}",
            *(looks(api, sweep_id, query) for query in PAGES.values()),
        ]


def asked_s(home: Path) -> float:
    """Seconds that the controller has asked, of all sweeps."""
    logs = (file.read_text(errors="replace") for file in home.rglob("*.log"))
    return sum(float(found) for text in logs for found in ASKED.findall(text))


def looks(api: httpx.Client, sweep_id: str, query: Mapping[str, str]) -> str:
    """Milliseconds of the page of trials: the median and the slowest."""
    found = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        api.get(f"/api/v1/sweeps/{sweep_id}/trials", params=query).raise_for_status()
        found.append(1000.0 * (time.perf_counter() - began))
    return f"{statistics.median(found):.0f}, {max(found):.0f}"


if __name__ == "__main__":
    main()
