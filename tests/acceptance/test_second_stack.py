from .embedded import Embedded


def test_a_second_stack_on_one_home_is_refused(stack: Embedded) -> None:
    for flags in ((), ("--detach",)):
        second = stack.epochal("up", *flags)
        assert second.returncode == 1
        assert str(stack.stack.pid) in second.stderr
        assert "epochal down" in second.stderr
