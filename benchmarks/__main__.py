"""Every benchmark, one after the other: `python -m benchmarks [--quick] [--write]`."""

import sys

from . import claims, gpu, leaving, peers, quality, trainer, upload, verdicts

for script in (trainer, leaving, quality, peers, gpu, claims, upload, verdicts):
    script.main(sys.argv[1:])
