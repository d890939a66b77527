"""The learning rate of each epoch, as a share of `learning_rate`."""

import math

from spec.schedules import Constant, Cosine, Exponential, OneCycle, Plateau, Schedule, Step, WarmupCosine


def share(schedule: Schedule, epoch: int, epochs: int) -> float:
    """What epoch 1 .. `epochs` multiplies the learning rate by; a plateau's changes are counted by the member."""
    done = epoch - 1
    match schedule:
        case Constant() | Plateau():
            return 1.0
        case Step(every=every, factor=factor):
            return float(factor ** (done // every))
        case Exponential(factor=factor):
            return float(factor**done)
        case Cosine(floor=floor):
            return _cosine(1.0, floor, done / epochs)
        case WarmupCosine(warmup=warmup, floor=floor):
            if done < warmup:
                return epoch / warmup
            return _cosine(1.0, floor, (done - warmup) / max(epochs - warmup, 1))
        case OneCycle(rise=rise, start_divisor=start, end_divisor=end):
            top, last = rise * epochs - 1.0, epochs - 1.0
            if done <= top:
                return _cosine(1.0 / start, 1.0, done / top if top > 0.0 else 1.0)
            return _cosine(1.0, 1.0 / (start * end), (done - top) / (last - top) if last > top else 1.0)


def _cosine(start: float, end: float, way: float) -> float:
    """From start (way 0) to end (way 1) along half a cosine."""
    return end + (start - end) * (1.0 + math.cos(math.pi * way)) / 2.0
