"""Every benchmark, one after the other: `python -m benchmarks [--quick] [--write]`."""

import sys

from . import claims, cluster, gpu, leaving, peers, quality, trainer, upload, verdicts

for script in (trainer, leaving, quality, peers, gpu, claims, cluster, upload, verdicts):
    script.main(sys.argv[1:])
