"""Every benchmark, one after the other: `python -m benchmarks [--quick] [--write]`."""

import sys

from . import gpu, peers, trainer

for script in (trainer, peers, gpu):
    script.main(sys.argv[1:])
