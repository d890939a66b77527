"""Every benchmark, one after the other: `python -m benchmarks [--quick] [--write]`."""

import sys

from . import claims, gpu, leaving, peers, trainer

for script in (trainer, leaving, peers, gpu, claims):
    script.main(sys.argv[1:])
