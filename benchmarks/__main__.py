"""Every benchmark, one after the other: `python -m benchmarks [--quick] [--write]`."""

import sys

from . import claims, gpu, peers, trainer

for script in (trainer, peers, gpu, claims):
    script.main(sys.argv[1:])
