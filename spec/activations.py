"""The activations: the non-linear functions between layers."""

from enum import StrEnum


class Activation(StrEnum):
    """A function applied to each neuron's weighted sum; the names are PyTorch's."""

    identity = "identity"
    sigmoid = "sigmoid"
    tanh = "tanh"
    relu = "relu"
    leaky_relu = "leaky_relu"
    elu = "elu"
    selu = "selu"
    gelu = "gelu"
    silu = "silu"
    softplus = "softplus"
    mish = "mish"
    hard_tanh = "hard_tanh"
