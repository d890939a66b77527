from pathlib import Path

from spec.batch import batch_flop
from spec.job import JobSpec
from worker.devices import Device
from worker.packing import (
    CACHE_DEFAULT,
    PackSizes,
    cache_bytes,
    cpu_limit,
    gpu_limit,
    member_bytes,
    pack_limit,
)

MIB, GIB = 2**20, 2**30
CPU = Device("cpu", "cpu")
DIGITS = JobSpec.model_validate({"dataset": "digits", "architecture": {"type": "mlp", "hidden": [64, 32]}})
WIDE = JobSpec.model_validate(
    {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [2048, 2048]}, "batch_size": 128}
)


def _bytes(spec: JobSpec) -> int:
    info = spec.info
    assert info is not None
    return member_bytes(spec, info)


def _flop(spec: JobSpec) -> float:
    info = spec.info
    assert info is not None
    return batch_flop(spec, info)


def test_the_operators_word_decides() -> None:
    assert pack_limit(DIGITS, CPU, 1) == 1
    assert pack_limit(WIDE, CPU, 500) == 500


def test_a_deterministic_pack_never_has_more_rows_than_it_always_has() -> None:
    exact = DIGITS.model_copy(update={"deterministic": True})
    gpu = Device("cuda:0", "cuda", "0")
    assert pack_limit(exact, gpu, 0) == pack_limit(exact, gpu, 500) == 8
    assert pack_limit(exact, gpu, 4) == 4


def test_what_a_member_was_measured_to_need_counts_more_than_what_it_is_reckoned_to() -> None:
    sizes, gpu = PackSizes(), Device("cuda:0", "cuda", "0")
    assert gpu_limit(DIGITS, 2 * GIB, 32 * MIB) == 32
    sizes.too_many(DIGITS, gpu, 20)
    assert sizes.of(DIGITS, gpu) == 10
    sizes.too_many(DIGITS, gpu, 1)
    assert sizes.of(DIGITS, gpu) == 1
    assert sizes.of(DIGITS, CPU) == sizes.of(DIGITS.model_copy(update={"seed": 9}), CPU) > 1


def test_a_member_keeps_five_copies_of_its_weights_and_its_activations() -> None:
    parameters = 64 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10
    activations = 32 * (64 + 64 + 32 + 10)
    assert _bytes(DIGITS) == 4 * (5 * parameters + activations)


def test_a_small_net_packs_up_to_sixty_four_on_a_cpu() -> None:
    assert cpu_limit(DIGITS, 32 * MIB) == 64


def test_a_pack_fits_half_the_cache() -> None:
    limit = cpu_limit(DIGITS, 4 * MIB)
    assert limit * _bytes(DIGITS) <= 2 * MIB < (limit + 1) * _bytes(DIGITS)


def test_a_heavy_step_packs_few_and_never_none() -> None:
    assert _flop(WIDE) > 40e6
    assert cpu_limit(WIDE, 16 * 1024 * MIB) == 16
    assert cpu_limit(WIDE, MIB) == 1


def test_a_gpu_packs_by_its_free_memory() -> None:
    assert gpu_limit(DIGITS, 80 * 2**30) == 1024
    assert gpu_limit(DIGITS, None) == 1024
    assert gpu_limit(WIDE, 2**30) == 2**29 // _bytes(WIDE)


def test_a_kernel_is_counted_at_every_pixel() -> None:
    cnn = JobSpec.model_validate(
        {"dataset": "digits", "architecture": {"type": "cnn", "channels": [4], "hidden": []}, "batch_size": 1}
    )
    assert _flop(cnn) == 6.0 * (4 * 1 * 3 * 3 * 64 + 64 * 10)


def test_the_cache_is_read_or_assumed(tmp_path: Path) -> None:
    (tmp_path / "index3").mkdir()
    (tmp_path / "index3/size").write_text("32768K\n")
    assert cache_bytes(tmp_path) == 32 * MIB
    assert cache_bytes(tmp_path / "none") == CACHE_DEFAULT
