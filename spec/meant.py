"""What may have been meant: the field or value closest to a word, also to the word that another library uses for it."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache

LONGEST = 50
"""Characters of a word that are compared; none of ours is longer."""

OTHERS: Mapping[str, str] = {
    # fields of a job
    "learning_rate": "lr alpha eta eta0 step_size learning_rate_init",
    "batch_size": "batch minibatch_size per_device_train_batch_size",
    "epochs": "n_epochs num_epochs max_epochs num_train_epochs nb_epoch max_iter iterations steps",
    "dataset": "data train_data training_data csv file",
    "loss": "criterion loss_fn loss_function objective_function cost",
    "optimizer": "optim solver algorithm",
    "schedule": "scheduler lr_scheduler lr_schedule lr_policy",
    "weight_decay": "wd l2 l2_penalty l2_regularization regularization",
    "l1": "l1_penalty l1_regularization lasso",
    "gradient_clip": "clip grad_clip clip_norm max_grad_norm clip_grad_norm gradient_clip_val gradient_clipping",
    "gradient_accumulation": "accumulation gradient_accumulation_steps accumulate_grad_batches",
    "dropout": "dropout_rate drop_rate p_dropout dropout_probability",
    "patience": "early_stopping early_stopping_patience early_stop n_iter_no_change",
    "min_delta": "early_stopping_min_delta tol",
    "restore_best": "restore_best_weights load_best_model_at_end",
    "validation_fraction": "val_split val_size val_fraction validation_split validation_size",
    "test_fraction": "test_split test_size holdout",
    "folds": "cv n_folds k_folds n_splits",
    "standardize": "normalize normalise standardise scale scaler",
    "augmentation": "augment transforms data_augmentation",
    "architecture": "model network net arch",
    "architecture.hidden": "hidden hidden_layers hidden_sizes hidden_layer_sizes hidden_units layers units neurons",
    "architecture.normalization": "normalization norm batch_norm batchnorm batch_normalization layer_norm",
    "architecture.channels": "channels filters",
    "optimizer.momentum": "momentum",
    "optimizer.nesterov": "nesterov",
    "optimizer.beta1 and optimizer.beta2": "betas",
    "optimizer.eps": "eps epsilon",
    "activation": "act activation_fn activation_function nonlinearity",
    "initial_weights": "init weight_init initializer kernel_initializer weights_init",
    "init_from": "warm_start pretrained checkpoint resume_from",
    "class_weight": "class_weights pos_weight",
    "precision": "dtype amp fp16 mixed_precision",
    "seed": "random_state random_seed manual_seed",
    "resources.device": "device accelerator",
    "resources.gpus": "gpus num_gpus n_gpus devices",
    "timeout_s": "timeout max_time time_limit",
    "max_attempts": "retries max_retries",
    "name": "title job_name experiment_name run_name",
    "tags": "labels",
    # fields of a sweep
    "base": "job spec config base_config template trial_template fixed defaults",
    "trials": "n_trials num_trials num_samples max_trials max_trial_count max_evals n_iter n_calls run_cap count "
    "budget timeout time_budget time_budget_s",
    "seeds": "repeats repetitions replicates n_seeds num_seeds n_repeats executions_per_trial",
    "method": "sampler search_alg search_algorithm strategy algorithm tuner suggester",
    "space": "parameters params param_space search_space search grid param_distributions param_grid hyperparameters "
    "hyperparams hparams",
    "halving": "pruner early_terminate early_stopping stopper scheduler trial_scheduler",
    "objective": "metric goal direction directions mode maximize minimize",
    "when": "condition conditions depends_on requires parent",
    "seconds": "time time_s timeout minutes hours max_time time_budget",
    "log_uniform": "log",
    "factor": "eta reduction_factor",
    "min_epochs": "grace_period min_resource min_iter",
    "parallel": "n_jobs max_concurrent max_concurrent_trials parallel_trials parallel_trial_count",
    # values
    "binary_cross_entropy": "bce bce_with_logits bce_with_logits_loss bce_loss binary_crossentropy log_loss",
    "cross_entropy": "ce nll nll_loss cross_entropy_loss categorical_crossentropy sparse_categorical_crossentropy",
    "mse": "l2 l2_loss mse_loss mean_squared_error squared_error squared",
    "mae": "l1 l1_loss mean_absolute_error absolute_error",
    "huber": "smooth_l1 smooth_l1_loss huber_loss",
    "identity": "linear none",
    "sigmoid": "logistic expit",
    "silu": "swish",
    "sgd": "gradient_descent vanilla",
    "cosine": "cosine_annealing cosine_annealing_lr",
    "plateau": "reduce_on_plateau reduce_lr_on_plateau",
    "step": "step_lr step_decay",
    "one_cycle": "one_cycle_lr 1cycle",
    "torch_default": "default pytorch",
    "xavier_uniform": "glorot glorot_uniform xavier",
    "xavier_normal": "glorot_normal",
    "kaiming_uniform": "he he_uniform kaiming",
    "kaiming_normal": "he_normal",
    "tfloat32": "tf32",
    "bfloat16": "bf16",
    "float32": "fp32 float single 32",
    "float64": "fp64 double 64",
    "cuda": "gpu",
    "tpe": "bayes bayesian bayesian_optimization optuna hyperopt bohb",
    "random": "random_search",
    "grid": "grid_search",
    "successive": "asha sha successive_halving",
    "population": "pbt population_based_training",
}
"""Our word: what others call it, in PyTorch, Keras, scikit-learn, Lightning, Ray Tune, Optuna or W&B."""


def meant(word: str, ours: Collection[str], cutoff: float = 0.6) -> str | None:
    """The one of `ours` that may have been meant by `word`, which is none of them; None when it is like none."""
    word = word[:LONGEST]
    plain = _plain(word)
    by_plain = {_plain(one): one for one in ours}
    if plain in by_plain:
        return by_plain[plain]
    for name in _by_other().get(plain, ()):
        if name.partition(".")[0].partition(" ")[0] in ours:
            return name
    close = difflib.get_close_matches(word, ours, n=1, cutoff=cutoff)
    return close[0] if close else None


def did_you_mean(word: str, ours: Collection[str], cutoff: float = 0.6) -> str:
    """`meant` as the end of a sentence; empty when there is nothing to suggest."""
    found = meant(word, ours, cutoff)
    return f"; did you mean {found}?" if found else ""


def _plain(word: str) -> str:
    """A word without what differs between styles: `learning-rate` and `LearningRate` are `learning_rate`."""
    return re.sub(r"[\W_]+", "", word).casefold()


@cache
def _by_other() -> Mapping[str, Sequence[str]]:
    """Our words for each word of others."""
    found: dict[str, list[str]] = {}
    for our, others in OTHERS.items():
        for other in others.split():
            found.setdefault(_plain(other), []).append(our)
    return found
