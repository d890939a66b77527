"""What the numbers of images stand for."""

import math


def white_of(most: float) -> int:
    """The number that stands for white in images whose largest number is `most`: 255, or where those end."""
    return 255 if most > 127 else max(1, math.ceil(most))
