"""Every benchmark, one after the other: `python -m benchmarks [--quick] [--write]`."""

import sys

from . import gpu, peers, trainer, upload

for script in (trainer, peers, gpu, upload):
    script.main(sys.argv[1:])
