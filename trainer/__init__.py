"""The trainer: pure PyTorch, usable alone. Importing this package imports nothing else."""

import os

# Intel's matrix library otherwise chooses its kernel by the alignment of memory, and so by a member's row in the pack.
# This setting makes it give the same bits in every row, and on every x86-64 processor. The library reads it once, at
# its first product, so it must be set before all else.
os.environ.setdefault("MKL_CBWR", "AVX2,STRICT")
