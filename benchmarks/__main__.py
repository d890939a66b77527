"""Every benchmark, one after the other, the longest last: `python -m benchmarks [--quick] [--write] [--rounds N]`."""

import argparse

from . import (
    claims,
    cluster,
    gpu,
    improve,
    leaving,
    long_sweep,
    many,
    peers,
    quality,
    readers,
    regret,
    sweeps,
    trainer,
    upload,
    verdicts,
)

INTERLEAVED = (trainer, leaving, peers, gpu, readers)
"""Those whose contestants run in rounds."""
OTHERS = (quality, claims, cluster, upload, verdicts, improve, many, regret, long_sweep, sweeps)


def main() -> None:
    """Run all with these options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny smoke runs, no measurement")
    parser.add_argument("--write", action="store_true", help="put the tables into their pages")
    parser.add_argument("--rounds", type=int, help="of those benchmarks whose contestants run in rounds")
    options = parser.parse_args()
    shared = [f"--{name}" for name in ("quick", "write") if getattr(options, name)]
    rounds = [] if options.rounds is None else ["--rounds", str(options.rounds)]
    for script in INTERLEAVED:
        script.main([*shared, *rounds])
    for script in OTHERS:
        script.main(shared)


if __name__ == "__main__":
    main()
