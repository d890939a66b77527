"""How many examples a test draws at random: few, or many where every case runs (`--all-databases`)."""

from hypothesis import settings

FEW, MANY = "few", "many"

# The same examples each time, and no deadline: a test that is right does not fail on a busy machine.
for profile in (FEW, MANY):
    settings.register_profile(profile, deadline=None, derandomize=True)


def examples(few: int, *, many: int) -> settings:
    """The settings of a test with so many examples."""
    return settings(max_examples=many if settings.get_current_profile_name() == MANY else few)
