from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from store.device_requests import kind_of, served
from store.time_slices import RunningPack, Waiting, give_way

SLICE_S = 600.0
OWNERS = ("ada", "bob", "cyd", "dan")
DEVICES = ("cpu", "cuda:0", "cuda:0+cuda:1")
REQUESTS = ("auto", "cpu", "cuda", "cuda*2")


@st.composite
def running(draw: st.DrawFn) -> list[RunningPack]:
    """Packs on slots of their own."""
    devices = draw(st.lists(st.sampled_from(DEVICES), max_size=8))
    return [
        RunningPack(
            worker=f"w{number}",
            device=device,
            owner=draw(st.sampled_from(OWNERS)),
            ran_s=draw(st.floats(0.0, 2 * SLICE_S)),
            may_leave=draw(st.booleans()),
        )
        for number, device in enumerate(devices)
    ]


WAITING = st.sets(st.builds(Waiting, st.sampled_from(OWNERS), st.sampled_from(REQUESTS)))
FREE = st.lists(st.sampled_from(DEVICES), max_size=3)


def pack(owner: str, ran_s: float, *, worker: str = "w", device: str = "cpu", may_leave: bool = True) -> RunningPack:
    return RunningPack(worker, device, owner, ran_s, may_leave)


@given(running(), WAITING, FREE)
def test_only_packs_that_had_their_slice_give_way_and_only_to_owners_who_have_less(
    packs: list[RunningPack], waiting: set[Waiting], free: list[str]
) -> None:
    left = [one for one in packs if one.slot in give_way(packs, waiting, free, SLICE_S)]
    held = Counter((one.owner, kind_of(one.device)) for one in packs)
    for one in left:
        assert one.ran_s >= SLICE_S
        assert one.may_leave
        kind = kind_of(one.device)
        assert any(
            other.owner != one.owner
            and other.request in served(one.device)
            and held[other.owner, kind] <= max(held[one.owner, kind] - 2, 0)
            for other in waiting
        )
    assert len(left) <= len({one.owner for one in waiting})


@given(running(), WAITING, FREE)
def test_every_slot_that_asks_gets_the_same_answer_in_whatever_order_it_reads(
    packs: list[RunningPack], waiting: set[Waiting], free: list[str]
) -> None:
    assert give_way(packs, waiting, free, SLICE_S) == give_way(packs[::-1], waiting, free, SLICE_S)


@given(running(), st.sampled_from(REQUESTS))
def test_an_owner_without_a_slot_gets_a_place_as_soon_as_a_slice_is_over(
    packs: list[RunningPack], request: str
) -> None:
    theirs = [one for one in packs if one.owner != "dan"]
    over = [one for one in theirs if one.ran_s >= SLICE_S and one.may_leave and request in served(one.device)]
    left = give_way(theirs, {Waiting("dan", request)}, [], SLICE_S)
    assert left == ({max(over, key=lambda one: (one.ran_s, -int(one.worker[1:]))).slot} if over else set())


def test_one_owner_who_waits_takes_one_place_and_none_while_a_slot_is_free() -> None:
    packs = [pack("ada", 700.0, worker="a"), pack("ada", 900.0, worker="b"), pack("ada", 800.0, worker="c")]
    waits = {Waiting("bob", "auto"), Waiting("bob", "cpu")}
    assert give_way(packs, waits, [], SLICE_S) == {("b", "cpu")}
    assert give_way(packs, waits, ["cpu"], SLICE_S) == set()
    assert give_way(packs, waits | {Waiting("cyd", "cpu")}, ["cpu"], SLICE_S) == {("b", "cpu")}
    assert give_way(packs, {Waiting("ada", "cpu")}, [], SLICE_S) == set()


def test_owners_with_slots_are_levelled_but_do_not_swap_places() -> None:
    theirs = [pack("ada", 700.0, worker="a"), pack("ada", 800.0, worker="b")]
    waits = {Waiting("bob", "cpu")}
    assert give_way([*theirs, pack("bob", 5.0, worker="d")], waits, [], SLICE_S) == set()
    more = [*theirs, pack("ada", 650.0, worker="c"), pack("bob", 5.0, worker="d")]
    assert give_way(more, waits, [], SLICE_S) == {("b", "cpu")}
