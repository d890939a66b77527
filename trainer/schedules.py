"""The learning rate of each epoch, as a share of `learning_rate`.

A new schedule is one class in `spec/schedules.py` and one function here, which `@share.register` finds by that class.
"""

import math
from functools import singledispatch

from spec.schedules import Constant, Cosine, Exponential, OneCycle, Plateau, Schedule, Step, WarmupCosine


@singledispatch
def share(schedule: Schedule, epoch: int, epochs: int) -> float:
    """What epoch 1 .. `epochs` multiplies the learning rate by."""
    raise NotImplementedError(f"trainer/schedules.py has no function for {type(schedule).__name__}.")


@share.register
def _constant(schedule: Constant, epoch: int, epochs: int) -> float:
    return 1.0


@share.register
def _plateau(schedule: Plateau, epoch: int, epochs: int) -> float:
    return 1.0  # its changes depend on the curve: the member counts them


@share.register
def _step(schedule: Step, epoch: int, epochs: int) -> float:
    return float(schedule.factor ** ((epoch - 1) // schedule.every))


@share.register
def _exponential(schedule: Exponential, epoch: int, epochs: int) -> float:
    return float(schedule.factor ** (epoch - 1))


@share.register
def _cosine(schedule: Cosine, epoch: int, epochs: int) -> float:
    return _half_cosine(1.0, schedule.floor, (epoch - 1) / epochs)


@share.register
def _warmup_cosine(schedule: WarmupCosine, epoch: int, epochs: int) -> float:
    done, warmup = epoch - 1, schedule.warmup
    if done < warmup:
        return epoch / warmup
    return _half_cosine(1.0, schedule.floor, (done - warmup) / max(epochs - warmup, 1))


@share.register
def _one_cycle(schedule: OneCycle, epoch: int, epochs: int) -> float:
    done, top, last = epoch - 1, schedule.rise * epochs - 1.0, epochs - 1.0
    start, end = 1.0 / schedule.start_divisor, 1.0 / (schedule.start_divisor * schedule.end_divisor)
    if done <= top:
        return _half_cosine(start, 1.0, done / top if top > 0.0 else 1.0)
    return _half_cosine(1.0, end, (done - top) / (last - top) if last > top else 1.0)


def _half_cosine(start: float, end: float, way: float) -> float:
    """From start (way 0) to end (way 1) along half a cosine."""
    return end + (start - end) * (1.0 + math.cos(math.pi * way)) / 2.0
