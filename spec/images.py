"""What the numbers of images stand for."""

import math


def ends(least: float, most: float) -> tuple[float, float]:
    """The numbers that stand for black and white in images whose numbers go from `least` to `most`.

    Black is 0, and white 255, or where smaller numbers end. Of images with numbers below 0 they are both ends.
    """
    return (0.0, 255.0 if most > 127 else max(1.0, math.ceil(most))) if least >= 0.0 else (least, most)
