"""What a newer release wrote: this one cannot read it, and says so."""


class NewerReleaseError(Exception):
    """A newer release wrote this, and this service is of an older one."""

    def __init__(self, what: str, version: int, known: int) -> None:
        super().__init__(
            f"A newer release of the service wrote this {what}: its format has version {version}, and this service, "
            f"which is older, knows {known}. Ask again when all services are of the newer release."
        )
