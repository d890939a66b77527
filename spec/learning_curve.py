"""What a finished learning curve shows: how well the network fits, where it was best, how the losses moved.

Fit and generalisation are *skills*: 0 is a guess, 1 is perfect. For classes, skill is balanced accuracy (the mean of
the classes' recalls) above chance, (balanced accuracy - 1/classes) / (1 - 1/classes), so that a rare class counts as
much as any other. For numbers it is the explained share of the variance, R2.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from statistics import fmean, pstdev

from .dataset import Inline, Linear, Targets
from .job import JobSpec
from .losses import Mse
from .monitors import LOWER_IS_BETTER
from .schedules import Plateau

Column = Sequence[float | None]

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
"""... and by this share of the baseline."""
LEAST_SKILL = 0.1
"""A smaller skill is a guess's."""
LEARNT = 0.95
"""A greater skill is almost perfect."""
NEAR = 2.0
"""A loss below this many times the baseline is near a guess's."""
LEAST_GAIN = 0.1
"""A network that has learnt less than this share of the target may as well guess."""
KNOWN = 0.5
"""A greater skill on validation rows is more than a guess's, whatever the loss is."""
FLAT = 0.02
"""The loss is flat: it fell below a guess's by less than this share."""
IMBALANCE = 0.2
"""Classes are imbalanced: accuracy exceeds balanced accuracy by this much."""
LUCK = 2.0
"""Deviations of a result that is more than luck."""
MAJORITY = 0.3
"""A smaller skill is little more than that of a network that knows the largest class only."""
WIDE = 10.0
"""Variances of the targets of training and validation rows that differ more than so many times come from outliers."""
NATS = 0.5
"""What the mean negative log likelihood of a perfect model varies by, about: half a deviance of 1 (Wilks 1938)."""
FEW_ROWS = 10
"""Fewer validation rows say little."""
VANISHED = 0.01
"""Of a learning rate of which less than this share is left, little is learnt any more."""
LEAST_PATIENCE = 3
PATIENCE = 10
"""Early stopping with less patience may end at the first bad epochs."""
STILL_FALLING = 0.05
"""The loss still falls: more than this share of its whole fall came in the last tenth of the epochs."""
IMPROVING = 0.9
"""The loss still improves: the mean of the last fifth of the epochs is below this share of the fifth before ..."""
LEFT = 0.9
"""... and the gain is below this, so that there is something left to learn."""


class LearningCurve:
    """A curve of at least one epoch, whose losses are numbers."""

    def __init__(self, spec: JobSpec, curve: dict[str, list[float | None]]) -> None:
        self._spec, self._curve = spec, curve
        self.train = _numbers(curve["train_loss"])
        self.is_validated = "val_loss" in curve
        self.monitored = _numbers(curve.get("val_loss", curve["train_loss"]))
        self.best = min(range(len(self.monitored)), key=self.monitored.__getitem__)

    # --- where it was best -------------------------------------------------------------------------------------------

    @property
    def best_epoch(self) -> int:
        """Epoch of the least validation loss; of the least training loss without validation."""
        return int(self._curve["epoch"][self.best] or 0)

    @property
    def where(self) -> str:
        """The best epoch in the words of a sentence; with its number where the job monitors another metric."""
        is_loss = self._spec.monitored == "val_loss" or not self.is_validated
        return "at the best epoch" if is_loss else f"at epoch {self.best_epoch} (the least validation loss)"

    @property
    def gap(self) -> float | None:
        """Validation loss minus training loss at the best epoch."""
        return self.monitored[self.best] - self.train[self.best] if self.is_validated else None

    @property
    def validated_classes(self) -> int | None:
        """How many classes the validation rows have, where some have none; of two classes, no area under the ROC."""
        info = self._spec.info
        areas = self._curve.get("val_roc_auc", [None])
        if info is not None and info.classes == 2 and "val_macro_f1" in self._curve and set(areas) == {None}:
            return 1
        found = self.at_best("val_classes")
        return None if found is None else int(found)

    @property
    def classes(self) -> int | None:
        """How many classes there are."""
        return None if self._spec.info is None else self._spec.info.classes

    def at_best(self, metric: str) -> float | None:
        """A metric at the best epoch; None if the curve does not have it."""
        column = self._curve.get(metric)
        return None if column is None else column[self.best]

    @cached_property
    def baseline(self) -> float:
        """The loss of an untrained network; where that is not known, the training loss after the first epoch.

        The first epoch may have learnt all there is: then it is the loss of the best constant, as far as that is known.
        Of a loss that does not end at zero, it is how far the training loss fell, and at least NATS.
        """
        known = self._known_baseline
        if known is not None:
            return known
        if not self.ends_at_zero:
            return max(self._fall, NATS)
        return max(self.train[0], self.loss_of_constant or 0.0, 1e-12)

    @property
    def _fall(self) -> float:
        """How far the training loss fell."""
        return max(self.train) - min(self.train)

    @property
    def ends_at_zero(self) -> bool:
        """Whether a perfect network's loss is 0; else only differences of losses say something."""
        return self._spec.loss.traits.ends_at_zero

    @property
    def is_baseline_known(self) -> bool:
        """Whether the loss of an untrained network follows from the loss and the targets."""
        return self._known_baseline is not None

    @property
    def _known_baseline(self) -> float | None:
        spec = self._spec
        if self._classes is not None:
            # Of linear outputs, an untrained network's loss is larger than that of one answer for all rows.
            return spec.loss.baseline(self._classes) if spec.loss.traits.takes_logits else None
        is_standard = spec.standardizes_targets and spec.init_from is None
        return spec.loss.baseline(None) if is_standard else None

    @property
    def predicts_classes(self) -> bool:
        """Whether classes are to be predicted, though the curve may have no accuracy of them."""
        return self._classes is not None

    @property
    def _classes(self) -> int | None:
        """How many classes there are to predict; None of numbers."""
        info = self._spec.info
        return (info.classes or 2) if info is not None and info.targets is Targets.classes else None

    @cached_property
    def loss_of_constant(self) -> float | None:
        """The loss of the best constant, of classes of one size, the spec's numbers or normal ones; None if unknown."""
        spec = self._spec
        if self._classes is not None:
            return spec.loss.baseline(self._classes)
        if isinstance(spec.dataset, Inline) and spec.init_from is None and self.ends_at_zero:
            columns = zip(*(one if isinstance(one, tuple) else (one,) for one in spec.dataset.y), strict=True)
            return self._of_columns([[float(number) for number in column] for column in columns])
        r2 = self.at_best("val_r2")
        is_normal = isinstance(spec.loss, Mse) or r2 is None or r2 >= LEAST_SKILL  # else a small loss is of outliers
        return self._of_normal if is_normal else None

    @property
    def _of_normal(self) -> float | None:
        """The loss of the best constant of normal targets, about the most that it is of others with their deviation."""
        deviation = self._deviation
        return None if deviation is None else self._spec.loss.of_normal(deviation)

    def _of_columns(self, columns: Sequence[Sequence[float]]) -> float | None:
        """The mean loss of their best constants, scaled as the job scales them; None where it is 0 or unknown."""
        scales = [pstdev(column) or 1.0 if self._spec.standardizes_targets else 1.0 for column in columns]
        losses = [
            self._spec.loss.of_numbers([number / scale for number in column])
            for column, scale in zip(columns, scales, strict=True)
        ]
        known = [loss for loss in losses if loss is not None]
        return (fmean(known) if len(known) == len(losses) else 0.0) or None

    @property
    def _deviation(self) -> float | None:
        """Standard deviation of the numbers to predict, as far as the settings or R2 tell it.

        A job that begins with the network of another one has targets that are scaled as in that job.
        """
        spec, variance = self._spec, self._variance
        measured = None if variance is None else math.sqrt(variance)
        if spec.init_from is not None:
            return 1.0 if measured is None and spec.standardizes_targets else measured
        if spec.standardizes_targets:
            return 1.0
        if isinstance(spec.dataset, Linear):
            return math.sqrt(1.0 + spec.dataset.noise**2)
        return measured

    # --- how well the network fits -----------------------------------------------------------------------------------

    @property
    def chance(self) -> float:
        """Balanced accuracy of a guess."""
        info = self._spec.info
        return 1.0 / ((info.classes if info is not None else None) or 2)

    @cached_property
    def has_classes(self) -> bool:
        """Whether the curve has accuracies; with `train_metrics: running`, those of validation rows only."""
        return not self._curve.keys().isdisjoint({"train_accuracy", "val_accuracy"})

    @property
    def val_accuracy(self) -> float | None:
        """Validation balanced accuracy at the best epoch; accuracy where the curve has no other."""
        balanced = self.at_best("val_balanced_accuracy")
        return self.at_best("val_accuracy") if balanced is None else balanced

    @property
    def train_accuracy(self) -> float | None:
        """Training balanced accuracy at the best epoch.

        A curve without it has training accuracy, less what accuracy exceeds balanced accuracy by in validation.
        """
        balanced, accuracy = self.at_best("train_balanced_accuracy"), self.at_best("train_accuracy")
        if balanced is not None or accuracy is None:
            return balanced
        return accuracy - max((self.at_best("val_accuracy") or 0.0) - (self.val_accuracy or 0.0), 0.0)

    @property
    def is_imbalanced(self) -> bool:
        """Whether accuracy says more than balanced accuracy does: some classes are rare, and predicted badly."""
        accuracy, balanced = self.at_best("val_accuracy"), self.val_accuracy
        if not self.is_validated:
            accuracy, balanced = self.at_best("train_accuracy"), self.train_accuracy
        return accuracy is not None and balanced is not None and accuracy - balanced > IMBALANCE

    @property
    def knows_shares_only(self) -> bool:
        """Whether a network that knows only the shares of the classes may predict as well: by balanced accuracy."""
        return self.is_imbalanced or self.skill_of_classes < LEAST_SKILL

    @property
    def knows_largest_only(self) -> bool:
        """Whether the classes are imbalanced, and little more is predicted correctly than the largest of them."""
        return self.is_imbalanced and (self.skill_of_classes < MAJORITY or self.chance == 0.5)

    @property
    def skill_of_classes(self) -> float:
        """Balanced accuracy above chance, of the validation rows if there are any."""
        accuracy = self.val_accuracy if self.is_validated else self.train_accuracy
        return 0.0 if accuracy is None else self._above_chance(accuracy)

    @property
    def luck(self) -> float:
        """What validation accuracy may be off by chance: two deviations of the share of so many rows."""
        accuracy, rows = self.at_best("val_accuracy"), self.validation_rows
        if accuracy is None or not rows:
            return 0.0
        share = (accuracy * rows + 1.0) / (rows + 2.0)  # Laplace: of few rows, none or all may be correct by chance
        return LUCK * math.sqrt(share * (1.0 - share) / rows)

    @property
    def balanced_luck(self) -> float:
        """What validation balanced accuracy may be off by chance: two deviations of the recall of one rare class.

        A recall deviates by at most 0.5 / sqrt(rows of the class), and counts as 1 / classes. The rows that are missed
        stand for those of the rare class.
        """
        accuracy, rows = self.at_best("val_accuracy"), self.validation_rows
        if accuracy is None or not rows:
            return 0.0
        return LUCK * self.chance * 0.5 / math.sqrt(max((1.0 - accuracy) * rows, 1.0))

    @property
    def beats_luck(self) -> bool:
        """Whether balanced accuracy of validation rows is above chance by more than luck."""
        balanced, accuracy = self.val_accuracy, self.at_best("val_accuracy")
        if balanced is None or accuracy is None or not self.validation_rows:
            return False
        # A rare class that is answered often is hit by chance, and raises balanced accuracy alone.
        return min(balanced, accuracy) - self.chance > max(self.luck, self.balanced_luck)

    @property
    def val_skill(self) -> float | None:
        """Skill on validation rows at the best epoch; None where it is not measured."""
        accuracy = self.val_accuracy
        return self.at_best("val_r2") if accuracy is None else self._above_chance(accuracy)

    @property
    def train_skill(self) -> float:
        """Skill on training rows at the best epoch."""
        accuracy = self.train_accuracy
        if accuracy is not None:
            return self._above_chance(accuracy)
        if not self.ends_at_zero:
            return self.at_best("val_r2") or 0.0
        constant = self.loss_of_constant or self._of_normal
        if constant is not None and self.train[self.best] >= constant:
            return 0.0
        variance = self._known_baseline or self._variance or self.baseline
        if not self.is_baseline_known and self.at_best("val_r2") is not None:
            variance = min(variance, max(self.train))  # that of training rows may be less: only the fall counts
        return 1.0 - self.train[self.best] / variance

    @property
    def _variance(self) -> float | None:
        """Variance of the targets of validation rows, in units of the loss: squared error / (1 - R2)."""
        r2 = self.at_best("val_r2")
        is_squared = isinstance(self._spec.loss, Mse) and r2 is not None and r2 < 1.0
        return self.monitored[self.best] / (1.0 - (r2 or 0.0)) if is_squared else None

    @property
    def spread(self) -> float | None:
        """How many times as wide the targets of training rows are spread as those of validation rows.

        It is a ratio of standard deviations. None unless it is far from 1 and known: by squared errors of standardised
        targets. A few rows may be near each other by chance.
        """
        variance = self._variance if self.is_baseline_known and not self.has_few_rows else None
        if variance is None or not variance > 0.0 or 1.0 / WIDE <= variance <= WIDE:
            return None
        return math.sqrt(1.0 / variance)

    @property
    def skill(self) -> float:
        """Skill on training rows, or on validation rows if it is greater: running training metrics have dropout."""
        return max(self.train_skill, self.val_skill or 0.0)

    @property
    def wanders(self) -> bool:
        """Whether nothing was learnt that holds for validation rows, though the training loss stayed near a guess's."""
        is_guess = self.val_skill is not None and self.val_skill < LEAST_SKILL
        return is_guess and self.ends_at_zero and max(self.train) < NEAR * self.baseline

    @property
    def is_learnt(self) -> bool:
        """Whether almost all there is to learn was learnt at the best epoch, and holds for validation rows."""
        return self.val_skill is not None and min(self.val_skill, self.gain) > LEARNT

    @property
    def fitted_accuracy(self) -> float:
        """The accuracy of that skill."""
        return self.chance + self.skill * (1.0 - self.chance)

    @property
    def gain(self) -> float:
        """What the network has learnt of the target at the best epoch: 0 is what a guess knows, 1 is all.

        For numbers it is the explained share of the variance of validation rows. For classes it is 1 - loss / the
        loss of a network that knows only their shares, as far as accuracy tells them.
        """
        r2 = self.at_best("val_r2")
        return 1.0 - self.monitored[self.best] / self._loss_of_shares if r2 is None else r2

    @property
    def train_gain(self) -> float:
        """The same of training rows at the best epoch, by the loss."""
        return 1.0 - self.train[self.best] / self._loss_of_shares

    @property
    def fits_something(self) -> bool:
        """Whether more of training rows was learnt than a guess knows, by the loss."""
        return self.train_gain >= LEAST_GAIN if self.ends_at_zero else self._fall > NATS

    @property
    def is_guess(self) -> bool:
        """Whether what was learnt does not hold for validation rows: its loss is a guess's, and its skill may be luck.

        A loss is large, too, where most rows are predicted well, and the others wrongly with great certainty. A
        class that is never predicted may still have the higher scores.
        """
        is_weak = self.gain < LEAST_GAIN and (self.val_skill or 0.0) < KNOWN
        ranks_missed = self.knows_shares_only and self.ranks
        return is_weak and not self.beats_luck and not ranks_missed

    @property
    def stays_a_guess(self) -> bool:
        """Whether it is a guess after several epochs."""
        return self.is_guess and not self.is_one_epoch

    @property
    def is_flat(self) -> bool:
        """Whether the network has learnt nothing of training rows either; of one epoch, only a known baseline tells."""
        if self.is_one_epoch and not self.is_baseline_known:
            return False
        if not self.ends_at_zero:
            r2 = self.at_best("val_r2")
            return r2 is not None and r2 < FLAT
        least, guess = min(self.train), self._loss_of_shares
        return 1.0 - least / guess < FLAT and not (self.still_falls and least > ABOVE * guess)

    @property
    def ranks(self) -> bool | None:
        """Whether validation rows of the second class score above the first's more often than by chance; None: unknown.

        The area under the ROC is compared with its deviation for scores that mean nothing, sqrt((n + 1) / (12 a b)) for
        n rows, a and b of them in the classes (Mann and Whitney 1947); the rarer class is what accuracy misses.
        """
        area, accuracy, info = self.at_best("val_roc_auc"), self.at_best("val_accuracy"), self._spec.info
        if area is None or accuracy is None or info is None:
            return None
        rows = self._spec.split_rows(info)[1]
        rarer = max((1.0 - accuracy) * rows, 1.0)
        return area > 0.5 + LUCK * math.sqrt((rows + 1.0) / (12.0 * rarer * max(rows - rarer, 1.0)))

    @property
    def _loss_of_shares(self) -> float:
        """The baseline; where no more may be known than the classes' shares, the loss of a network that knows them.

        For cross-entropy it is the entropy. The shares are those of one class, by accuracy, and of equal others.
        """
        share = self.at_best("val_accuracy" if self.is_validated else "train_accuracy")
        is_weighted = self._spec.class_weight is not None
        if share is None or not self.knows_shares_only or not 0.0 < share < 1.0 or is_weighted:
            return self.baseline
        share = max(share, self.chance)
        others = max(round(1.0 / self.chance) - 1, 1)
        return self._spec.loss.of_shares((share, *[(1.0 - share) / others] * others)) or self.baseline

    def _above_chance(self, accuracy: float) -> float:
        return (accuracy - self.chance) / (1.0 - self.chance)

    @property
    def validation_rows(self) -> int | None:
        """Rows of the validation split, where they are known."""
        info = self._spec.info
        return None if info is None else self._spec.split_rows(info)[1]

    @property
    def is_of_a_fold(self) -> bool:
        """Whether the validation rows are one of several folds."""
        return self._spec.folds is not None

    @property
    def has_few_rows(self) -> bool:
        """Whether there are so few validation rows that they say little."""
        rows = self.validation_rows
        return self.is_validated and rows is not None and rows < FEW_ROWS

    # --- how the losses moved ----------------------------------------------------------------------------------------

    @property
    def rate_left(self) -> float:
        """What share of the learning rate was left after half of the epochs; that of a plateau is in the curve."""
        half, rates = len(self.train) // 2, _numbers(self._curve.get("learning_rate", []))
        is_plateau = isinstance(self._spec.schedule, Plateau) and len(rates) > half
        return rates[half] / rates[0] if is_plateau else self._spec.schedule.left(half)

    @property
    def jumps(self) -> bool:
        """Whether the training loss rises too far in too many epochs, and has not come to rest."""
        rises = self.far_rises
        is_at_rest = not any(rises[len(rises) // 2 :])
        return len(rises) >= 4 and sum(rises) >= max(JUMPS * len(rises), LEAST_JUMPS) and not is_at_rest

    @property
    def far_rises(self) -> list[bool]:
        """Whether the training loss rose too far, of each epoch after the first."""
        return [after - before > JUMP * self.baseline for before, after in pairwise(self.train)]

    @property
    def explodes(self) -> bool:
        """Whether the training loss was far above a guess's, or stayed above it."""
        stays = self.stays_above and not self.still_falls and self.rate_left > VANISHED
        return self.ends_at_zero and (max(self.train) > EXPLOSION * self.baseline or stays)

    @property
    def stays_above(self) -> bool:
        """Whether the training loss was larger than a guess's in every epoch."""
        return min(self.train) > ABOVE * self.baseline

    @cached_property
    def late(self) -> float:
        """Mean validation loss over the last fifth of the epochs."""
        return _late(self.monitored)

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping by the loss ended training, and the model has the best epoch's weights."""
        spec = self._spec
        waited = spec.patience is not None and len(self.train) - 1 - self.best >= spec.patience
        return waited and spec.restore_best and spec.monitored == "val_loss"

    @property
    def ran_out_of_patience(self) -> bool:
        """Whether early stopping ended training before its last epoch."""
        return self._spec.patience is not None and len(self.train) < self._spec.epochs

    @property
    def fell_too_little(self) -> bool:
        """Whether early stopping ended training though the loss reached new bests, each by less than `min_delta`."""
        spec = self._spec
        is_told = self.ran_out_of_patience and spec.min_delta > 0.0 and spec.monitored.endswith("_loss")
        return is_told and spec.patience is not None and len(self.monitored) - 1 - self.best < spec.patience

    @property
    def met_tolerance(self) -> bool:
        """Whether the gradient's norm fell below `tolerance`, which ended training before its last epoch."""
        return self._spec.tolerance is not None and len(self.train) < self._spec.epochs and not self._waited

    @property
    def _waited(self) -> bool:
        """Whether the monitored metric has not improved for as many epochs as early stopping waits."""
        spec = self._spec
        if spec.patience is None:
            return False
        sign = 1.0 if spec.monitored in LOWER_IS_BETTER else -1.0
        values = [sign * value for value in _numbers(self._curve.get(spec.monitored, []))]
        before, since = values[: -spec.patience], values[-spec.patience :]
        return bool(before) and min(since) >= min(before) - spec.min_delta

    @property
    def improves(self) -> bool:
        """Whether the validation loss was still becoming smaller at its best epoch, though slowly, and more is left."""
        ended_soon = self.ran_out_of_patience and len(self.monitored) - 1 - self.best < PATIENCE
        seen = self.monitored[: self.best + 1] if ended_soon else self.monitored
        fifth = max(len(seen) // 5, 1)
        is_told = self.is_validated and self.ends_at_zero and len(seen) >= 4
        if not is_told or self.best < len(seen) - fifth or self.gain > LEFT:
            return False
        return fmean(seen[-fifth:]) < IMPROVING * fmean(seen[-2 * fifth : -fifth])

    @property
    def rises(self) -> bool:
        """Whether the validation loss ended well above its best, while the training loss fell on, below a guess's.

        Not when early stopping ended training: it waits for a rise, and the model is the best epoch's.
        """
        if not self.is_validated or self.stopped_early:
            return False
        least = min(_means(self.monitored))
        share = RISE_OF_BEST * (least if self.ends_at_zero else self._fall)
        rose = self.late - least > max(share, RISE_OF_BASELINE * self.baseline)
        fits = not self.ends_at_zero or self.train[-1] < (1.0 - LEAST_GAIN) * self.baseline
        return rose and fits and self.train[-1] <= self.train[self.best]

    @property
    def grows_more_accurate(self) -> bool:
        """Whether validation accuracy ended above that of the best epoch, by more than luck."""
        accuracies = _numbers(self._curve.get("val_accuracy", []))
        return bool(accuracies) and _late(accuracies) - (self.at_best("val_accuracy") or 0.0) > self.luck

    @property
    def still_falls(self) -> bool:
        """Whether the monitored loss reached new bests to the end."""
        tenth = max(len(self.monitored) // 10, 1)
        before, after = self.monitored[:-tenth], self.monitored[-tenth:]
        if not before or min(after) >= min(before):
            return False
        floor = 0.0 if self.ends_at_zero else min(after)
        whole_fall = min(self.monitored[0], floor + 2 * self.baseline) - min(after)
        return min(before) - min(after) > STILL_FALLING * whole_fall

    @property
    def is_one_epoch(self) -> bool:
        """Whether there is nothing to compare the first epoch with."""
        return len(self.train) == 1

    @property
    def is_best_at_first(self) -> bool:
        """Whether the first of several epochs is the best."""
        return self.best == 0 and not self.is_one_epoch

    @property
    def is_best_at_last(self) -> bool:
        """Whether the last epoch is the best."""
        return 0 < self.best == len(self.monitored) - 1

    @property
    def patience(self) -> int | None:
        """The least patience with which early stopping has the same best epoch, and ends with less loss and gap."""
        bests = [0]
        for epoch, loss in enumerate(self.monitored):
            if loss < self.monitored[bests[-1]]:
                bests.append(epoch)
        least = max((after - before for before, after in pairwise(bests)), default=1)
        gaps = [validation - train for validation, train in zip(self.monitored, self.train, strict=True)]
        for end in range(self.best + max(least, LEAST_PATIENCE), len(gaps) - 1):
            if _late(self.monitored[: end + 1]) < self.late and _late(gaps[: end + 1]) < _late(gaps):
                return end - self.best
        return None


def _numbers(column: Column) -> list[float]:
    return [value for value in column if value is not None]


def _late(values: Sequence[float]) -> float:
    """The mean of the last fifth."""
    return fmean(values[-max(len(values) // 5, 1) :])


def _means(values: Sequence[float]) -> list[float]:
    """Means of each fifth of the values, so that a single lucky epoch does not count."""
    width = max(len(values) // 5, 1)
    return [fmean(values[start : start + width]) for start in range(len(values) - width + 1)]
