import numpy as np
import torch

from trainer.digests import Purpose, mix
from trainer.random import bits, keys, permutations

CPU = torch.device("cpu")


def test_any_slice_of_the_bits_is_what_it_is_in_the_whole() -> None:
    keyed = keys([1, 2], [1, 1], Purpose.dropout, CPU)
    whole = bits(keyed, torch.arange(1000))
    assert torch.equal(whole[:, 300:420], bits(keyed, torch.arange(300, 420)))
    assert torch.equal(whole[1:], bits(keyed[1:], torch.arange(1000)))


def test_bits_are_uniform_and_members_have_their_own() -> None:
    drawn = (
        bits(keys([1, 2], [1, 1], Purpose.dropout, CPU), torch.arange(200_000)).view(torch.int16).numpy().astype(int)
    )
    counts = np.stack([np.bincount((member + 32768) >> 8, minlength=256) for member in drawn])
    expected = drawn.shape[1] / 256
    chi_squared = ((counts - expected) ** 2 / expected).sum(axis=1) / 255
    assert (np.abs(chi_squared - 1.0) < 0.5).all()
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 0.01
    assert abs(np.corrcoef(drawn[0][1:], drawn[0][:-1])[0, 1]) < 0.01


def test_orders_are_permutations_and_differ_by_seed_and_epoch() -> None:
    orders = permutations([1, 1, 2], [1, 2, 1], 97, CPU)
    assert all(sorted(order) == list(range(97)) for order in orders.tolist())
    assert len({tuple(order) for order in orders.tolist()}) == 3
    assert torch.equal(permutations([2], [1], 97, CPU)[0], orders[2])


def test_purposes_and_neighbouring_seeds_do_not_meet() -> None:
    digests = {mix(seed, epoch, purpose) for seed in range(20) for epoch in range(20) for purpose in Purpose}
    assert len(digests) == 20 * 20 * len(Purpose)
