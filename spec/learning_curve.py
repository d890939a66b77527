"""What a finished learning curve shows: how well the network fits, and how the losses moved.

Fit and generalisation are *skills*: 0 is a guess, 1 is perfect. For classes, skill is balanced accuracy (the mean of
the classes' recalls) above chance, (balanced accuracy - 1/classes) / (1 - 1/classes), so that a rare class counts as
much as any other. For numbers it is the explained share of the variance, R².
"""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import chain, pairwise
from statistics import fmean, median

from .curve.accuracy import LEAST_SKILL, Accuracy
from .curve.baseline import NATS, Baseline
from .curve.ending import Ending
from .curve.points import Points
from .losses import Mse
from .schedules import Plateau

JUMP = 0.1
"""The loss jumps: it rises by more than this share of the baseline from one epoch to the next ..."""
JUMPS = 0.15
"""... in at least this share of the epochs ..."""
LEAST_JUMPS = 2
"""... and so often: once is dropout's doing, or chance."""
EXPLOSION = 10.0
"""The loss explodes: after some epoch it is more than this many times the baseline."""
ABOVE = 1.2
"""The loss stays above the baseline: its least value is more than so many times that."""
RISE_OF_BEST = 0.15
"""Validation loss rises: its mean over the last fifth of the epochs exceeds the least of a fifth by this share ..."""
RISE_OF_BASELINE = 0.02
"""... and by this share of the baseline ..."""
NOISE = 1.5
"""... and by so many standard errors of such a difference, as far as single epochs vary."""
LEARNT = 0.95
"""A greater skill is almost perfect."""
NEAR = 2.0
"""A loss below this many times the baseline is near a guess's."""
NEAR_CONSTANT = 1.1
"""A loss below this many times that of the best constant is near it."""
LEAST_GAIN = 0.1
"""A network that has learnt less than this share of the target may as well guess."""
KNOWN = 0.5
"""A greater skill on validation rows is more than a guess's, whatever the loss is."""
FLAT = 0.02
"""The loss is flat: it fell below a guess's by less than this share."""
TIMES_THE_LOSS = 2.0
"""Validation loss is far above training loss if it is more than so many times that."""
WIDE = 10.0
"""Variances of the targets of training and validation rows that differ more than so many times come from outliers."""
TOO_SURE = 0.6
"""Answers are too sure if the loss tells of less than this share of the skill that accuracy tells of."""
VANISHED = 0.01
"""Of a learning rate of which less than this share is left, little is learnt any more."""
LEAST_PATIENCE = 3
PATIENCE = 10
"""Early stopping with less patience may end at the first bad epochs."""
STILL_FALLING = 0.05
"""The loss still falls: more than this share of its whole fall came in the last tenth of the epochs ..."""
VISIBLE = 0.001
"""... and more than this share of the baseline: less is not seen on a chart."""
IMPROVING = 0.9
"""The loss still improves: the mean of the last fifth of the epochs is below this share of the fifth before ..."""
LEFT = 0.9
"""... and the gain is below this, so that there is something left to learn."""
CREEPING = 0.97
"""The loss creeps down if that mean is below this share only: slowly, but it has not reached a limit."""


class LearningCurve(Points):
    """A curve, and what it shows."""

    @cached_property
    def accuracy(self) -> Accuracy:
        """How accurate the network is at the best epoch."""
        return Accuracy(self)

    @cached_property
    def baseline(self) -> Baseline:
        """What a guess loses."""
        return Baseline(self, self.accuracy)

    @property
    def ending(self) -> Ending:
        """How training ended."""
        return Ending(self)

    # --- how well the network fits -----------------------------------------------------------------------------------

    @property
    def val_skill(self) -> float | None:
        """Skill on validation rows at the best epoch; None where it is not measured."""
        accuracy = self.accuracy.validation
        return self.at_best("val_r2") if accuracy is None else self.accuracy.above_chance(accuracy)

    @property
    def train_skill(self) -> float:
        """Skill on training rows at the best epoch."""
        accuracy = self.accuracy.training
        if accuracy is not None:
            return self.accuracy.above_chance(accuracy)
        if not self.ends_at_zero:
            return self.at_best("val_r2") or 0.0
        constant, r2 = self.baseline.of_constant, self.at_best("val_r2")
        explains_nothing = r2 is not None and r2 < LEAST_SKILL and not self.is_far_apart
        if constant is None and (explains_nothing or self.outlying_errors is not None):
            return r2 or 0.0  # a fall since the first epoch may be that of any start
        least = constant or self.baseline.of_normal
        if least is not None and self.train[self.best] >= least:
            return 0.0
        guess = self.baseline.known or self.baseline.variance or constant or self.baseline.loss
        if not self.baseline.is_known and r2 is not None:
            guess = min(guess, max(self.train))  # that of training rows may be less: only the fall counts
        return 1.0 - self.spec.loss.variance_left(self.train[self.best], guess)

    @property
    def skill(self) -> float:
        """Skill on training rows, or on validation rows if it is greater: running training metrics have dropout."""
        return max(self.train_skill, self.val_skill or 0.0)

    @property
    def fitted_accuracy(self) -> float:
        """The accuracy of that skill."""
        return self.accuracy.chance + self.skill * (1.0 - self.accuracy.chance)

    @property
    def gain(self) -> float:
        """What the network has learnt of the target at the best epoch: 0 is what a guess knows, 1 is all.

        For numbers it is the explained share of the variance of validation rows. For classes it is 1 - loss / the
        loss of a network that knows only their shares, as far as accuracy tells them.
        """
        r2 = self.at_best("val_r2")
        return 1.0 - self.monitored[self.best] / self.baseline.of_shares if r2 is None else r2

    @property
    def train_gain(self) -> float:
        """The same of training rows at the best epoch, by the loss."""
        return 1.0 - self.train[self.best] / self.baseline.of_shares

    @property
    def fits_something(self) -> bool:
        """Whether more of training rows was learnt than a guess knows, by the loss."""
        return self.train_gain >= LEAST_GAIN if self.ends_at_zero else self.fall > NATS

    @property
    def is_guess(self) -> bool:
        """Whether what was learnt does not hold for validation rows: its loss is a guess's, and its skill may be luck.

        A loss is large, too, where most rows are predicted well, and the others wrongly with great certainty. A
        class that is never predicted may still have the higher scores.
        """
        is_weak = self.gain < LEAST_GAIN and (self.val_skill or 0.0) < KNOWN
        ranks_missed = self.accuracy.knows_shares_only and self.accuracy.ranks
        return is_weak and not self.accuracy.beats_luck and not ranks_missed

    @property
    def stays_a_guess(self) -> bool:
        """Whether it is a guess after several epochs."""
        return self.is_guess and not self.is_one_epoch

    @property
    def is_flat(self) -> bool:
        """Whether the network has learnt nothing of training rows either; of one epoch, only a known baseline tells."""
        if self.is_one_epoch and not self.baseline.is_known:
            return False
        if not self.ends_at_zero:
            r2 = self.at_best("val_r2")
            return r2 is not None and r2 < FLAT
        if self.gain >= LEAST_GAIN:
            return False  # a running training loss has dropout, and is that of the whole epoch
        least, guess = min(self.train), self.baseline.of_shares
        return 1.0 - least / guess < FLAT and not (self.still_falls and max(self.train) > ABOVE * guess)

    @property
    def is_learnt(self) -> bool:
        """Whether almost all there is to learn was learnt at the best epoch, and holds for validation rows."""
        return self.val_skill is not None and min(self.val_skill, self.gain) > LEARNT

    @property
    def is_too_sure(self) -> bool:
        """Whether the validation loss of classes is large for their accuracy: wrong answers have large scores.

        That of training rows is then far smaller, else no answer is sure. Not with label smoothing, whose loss does not
        end at 0.
        """
        accuracy = self.accuracy.validation
        if accuracy is None or self.spec.label_smoothing or not self.is_far_apart:
            return False
        return self.gain < TOO_SURE * self.accuracy.above_chance(accuracy)

    @property
    def wanders(self) -> bool:
        """Whether nothing was learnt that holds for validation rows, though the training loss stayed near a guess's."""
        is_guess = self.val_skill is not None and self.val_skill < LEAST_SKILL
        return is_guess and self.ends_at_zero and max(self.train) < NEAR * self.baseline.loss

    @property
    def lacks_a_guess(self) -> bool:
        """Whether the training loss never came near that of the best constant: the network reached no limit of its own.

        Only where what the best constant loses is known; of a loss that does not end at zero, R² tells it.
        """
        constant, r2 = self.baseline.of_constant, self.at_best("val_r2")
        if not self.ends_at_zero:
            return r2 is not None and r2 < 1.0 - NEAR_CONSTANT and not self.fits_something
        return constant is not None and min(self.train) > NEAR_CONSTANT * constant

    @property
    def has_drifted(self) -> bool:
        """Whether validation errors exceed those of training rows by so much that their targets are other ones."""
        variance = self.baseline.variance
        return self.is_far_apart or (variance is not None and (self.gap or 0.0) > variance)

    @property
    def hides_fit(self) -> bool:
        """Whether a few rows decide R², though the loss, which follows them less, fell far."""
        follows_less = not isinstance(self.spec.loss, Mse) and self.outlying_errors is not None
        return follows_less and self.train[self.best] < self.train[0] / NEAR

    @property
    def is_far_apart(self) -> bool:
        """Whether validation loss is more than twice training loss at the best epoch."""
        return (self.gap or 0.0) > (TIMES_THE_LOSS - 1.0) * self.train[self.best]

    @property
    def spread(self) -> float | None:
        """How many times as wide the targets of training rows are spread as those of validation rows.

        It is a ratio of standard deviations. None unless it is far from 1 and known: by squared errors of standardised
        targets. A few rows may be near each other by chance.
        """
        variance = self.baseline.variance if self.baseline.is_known and not self.has_few_rows else None
        if variance is None or not variance > 0.0 or 1.0 / WIDE <= variance <= WIDE:
            return None
        return math.sqrt(1.0 / variance)

    # --- how the losses moved ----------------------------------------------------------------------------------------

    @property
    def rate_left(self) -> float:
        """What share of the learning rate was left after half of the epochs; that of a plateau is in the curve."""
        half, rates = len(self.train) // 2, self.numbers("learning_rate")
        is_plateau = isinstance(self.spec.schedule, Plateau) and len(rates) > half
        return rates[half] / rates[0] if is_plateau else self.spec.schedule.left(half)

    @property
    def jumps(self) -> bool:
        """Whether the training loss rises too far in too many epochs, and has not come to rest."""
        rises = self.far_rises
        is_at_rest = not any(rises[len(rises) // 2 :])
        return len(rises) >= 4 and sum(rises) >= max(JUMPS * len(rises), LEAST_JUMPS) and not is_at_rest

    @property
    def far_rises(self) -> list[bool]:
        """Whether the training loss rose too far, of each epoch after the first.

        A running training loss has dropout's noise, so that validation loss must rise in the same epoch.
        """
        far = [after - before > JUMP * self.baseline.loss for before, after in pairwise(self.train)]
        is_noisy = self.spec.train_metrics == "running" and self.is_validated
        rose = [not is_noisy or after > before for before, after in pairwise(self.monitored)]
        return [train and validation for train, validation in zip(far, rose, strict=True)]

    @property
    def explodes(self) -> bool:
        """Whether the training loss was far above a guess's, or stayed above it."""
        sinks = self.still_falls or (self.fell_to_the_end and not any(self.far_rises))
        stays = self.stays_above and not sinks and self.rate_left > VANISHED
        perfect = self.baseline.perfect
        return perfect is not None and (max(self.train) - perfect > EXPLOSION * self.baseline.untrained or stays)

    @property
    def starts_high(self) -> bool:
        """Whether the training loss of some epoch was well above a guess's, though it did not explode."""
        perfect = self.baseline.perfect or 0.0
        return max(self.train) - perfect > NEAR * (self.guess - perfect)

    @property
    def stays_above(self) -> bool:
        """Whether the training loss was larger than a guess's in every epoch."""
        perfect = self.baseline.perfect or 0.0
        return min(self.train) - perfect > ABOVE * (self.guess - perfect)

    @property
    def guess(self) -> float:
        """The loss of the best constant; the baseline where that is not known."""
        return self.baseline.of_constant or (self.baseline.perfect or 0.0) + self.baseline.loss

    @cached_property
    def late(self) -> float:
        """Mean validation loss over the last fifth of the epochs."""
        return _late(self.monitored)

    @property
    def improves(self) -> bool:
        """Whether the validation loss was still becoming smaller at its best epoch, though slowly, and more is left."""
        return self._improves_to(IMPROVING)

    @property
    def creeps(self) -> bool:
        """Whether it was, though very slowly: too early to say that there is no more to learn."""
        return self._improves_to(CREEPING)

    def _improves_to(self, share: float) -> bool:
        """Whether the mean of the last fifth, which has the best epoch, is below this share of the fifth before."""
        ended_soon = self.ending.ran_out_of_patience and len(self.monitored) - 1 - self.best < PATIENCE
        seen = self.monitored[: self.best + 1] if ended_soon else self.monitored
        fifth = max(len(seen) // 5, 1)
        is_told = self.is_validated and self.ends_at_zero and len(seen) >= 4
        if not is_told or self.best < len(seen) - fifth or self.gain > LEFT:
            return False
        return fmean(seen[-fifth:]) < share * fmean(seen[-2 * fifth : -fifth])

    @property
    def rises(self) -> bool:
        """Whether the validation loss ended well above its best, while the training loss fell on, below a guess's.

        Not when early stopping ended training: it waits for a rise, and the model is the best epoch's.
        """
        if not self.is_validated or self.ending.stopped_early:
            return False
        if len(self.monitored) - 1 - self.best < LEAST_PATIENCE:
            return False  # one bad epoch is no rise
        least = min(_means(self.monitored))
        share = RISE_OF_BEST * (least if self.ends_at_zero else self.fall)
        end = median(self.monitored[-max(len(self.monitored) // 5, 1) :])  # a few bad epochs are no rise either
        rose = self.late - least > max(share, RISE_OF_BASELINE * self.baseline.loss) and end - least > self._noise
        fits = not self.ends_at_zero or self.train[-1] < (1.0 - LEAST_GAIN) * self.baseline.loss
        return rose and fits and self.train[-1] <= self.train[self.best]

    @property
    def _noise(self) -> float:
        """By how much the means of two fifths differ by chance, as far as epochs since the best one vary.

        The median size of successive differences is 0.954 standard deviations of one epoch, if those are normal. A
        steady rise adds little to it, and neither do a few epochs that are far from the others.
        """
        changes = [abs(after - before) for before, after in pairwise(self.monitored[self.best :])]
        deviation = median(changes) / 0.954 if changes else 0.0
        return NOISE * deviation * math.sqrt(2.0 / max(len(self.monitored) // 5, 1))

    @property
    def fell_to_the_end(self) -> bool:
        """Whether the best of several epochs is in the last tenth, however little the loss fell there."""
        return not self.is_one_epoch and self.best >= len(self.monitored) - max(len(self.monitored) // 10, 1)

    @property
    def is_undone(self) -> bool:
        """Whether the training loss, too, ended well above that of the best epoch: training undid what was learnt."""
        end = min(_late(self.train), self.train[-1])
        return end - self.train[self.best] > JUMP * (self.guess - (self.baseline.perfect or 0.0))

    @property
    def grows_more_accurate(self) -> bool:
        """Whether validation accuracy ended above that of the best epoch, by more than luck."""
        accuracies = self.numbers("val_accuracy")
        return bool(accuracies) and _late(accuracies) - (self.at_best("val_accuracy") or 0.0) > self.accuracy.luck

    @property
    def still_falls(self) -> bool:
        """Whether the monitored loss reached new bests to the end."""
        tenth = max(len(self.monitored) // 10, 1)
        before, after = self.monitored[:-tenth], self.monitored[-tenth:]
        if not before or min(after) >= min(before):
            return False
        floor = 0.0 if self.ends_at_zero else min(after)
        whole_fall = min(self.monitored[0], floor + 2 * self.baseline.loss) - min(after)
        return min(before) - min(after) > max(STILL_FALLING * whole_fall, VISIBLE * self.baseline.loss)

    @property
    def patience(self) -> int | None:
        """The least patience with which early stopping has the same best epoch, and ends with less loss and gap.

        It is at least PATIENCE where the curve is long enough: of less, the verdict on the next job would say that it
        was ended too soon.
        """
        bests = [0]
        for epoch, loss in enumerate(self.monitored):
            if loss < self.monitored[bests[-1]]:
                bests.append(epoch)
        least = max((after - before for before, after in pairwise(bests)), default=1)
        gaps = [validation - train for validation, train in zip(self.monitored, self.train, strict=True)]
        first, last = max(least, LEAST_PATIENCE), len(gaps) - 1 - self.best
        for wait in chain(range(max(first, PATIENCE), last), range(first, min(PATIENCE, last))):
            ended = self.best + wait + 1
            if _late(self.monitored[:ended]) < self.late and _late(gaps[:ended]) < _late(gaps):
                return wait
        return None


def _late(values: Sequence[float]) -> float:
    """The mean of the last fifth."""
    return fmean(values[-max(len(values) // 5, 1) :])


def _means(values: Sequence[float]) -> list[float]:
    """Means of each fifth of the values, so that a single lucky epoch does not count."""
    width = max(len(values) // 5, 1)
    return [fmean(values[start : start + width]) for start in range(len(values) - width + 1)]
