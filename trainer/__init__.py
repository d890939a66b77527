"""The trainer: pure PyTorch, usable alone. Importing this package imports nothing else."""

import os

# Intel's matrix library otherwise chooses its way by the alignment of memory, and so by a member's place in the pack.
# Asked for one strict way, it gives the same bits at every place, and on every x86-64 processor. It reads this once,
# at its first product, so it stands before all else.
os.environ.setdefault("MKL_CBWR", "AVX2,STRICT")
