"""What was asked of each column, with its names looked up among those of the file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from spec.cells import CLOCKS, DECIMALS, MISSING, PLACEHOLDERS, THOUSANDS, clean
from spec.meant import meant
from spec.reading import ReadingOptions
from spec.schema import ColumnKind, Role

from .errors import RefusedError, listed, shown

ROLES = (Role.weight, Role.group, Role.split, Role.time)


@dataclass(frozen=True)
class ColumnChoices:
    """What was asked of one column."""

    type: ColumnKind | None = None
    decimal: str | None = None
    thousands: str | None = None
    date: str | None = None
    clock: str | None = None
    """Format of times and durations, one of `CLOCKS`."""
    missing: frozenset[str] = MISSING
    placeholders: frozenset[str] = PLACEHOLDERS
    own: frozenset[str] = frozenset()
    """Texts for no value that were named."""
    guessed: frozenset[str] = frozenset()
    """Those of them that nobody named: words among numbers."""
    is_target: bool = False

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Decimal mark and separator of groups that numbers may have, the likeliest first."""
        return [
            (decimal, group)
            for decimal in DECIMALS
            for group in (THOUSANDS[:-1] if self.thousands is None else (self.thousands,))
            if decimal != group and self.decimal in (None, decimal)
        ]

    @property
    def is_usual(self) -> bool:
        """Whether nothing was said of words for no value."""
        return not self.own and self.missing is MISSING


@dataclass(frozen=True)
class Choices:
    """What was asked of a file: its target, the roles of columns, and how cells are read."""

    options: ReadingOptions
    target: tuple[str, ...]
    roles: dict[str, Role]
    """Of the columns that are no features."""

    @classmethod
    def of(
        cls, options: ReadingOptions, target: Sequence[str], names: Sequence[str], index: Collection[str]
    ) -> "Choices":
        """The choices, looked up among the columns of a file. Raises `RefusedError`.

        `index` are columns that only number the rows: they are used when they are named.
        """
        if not target:
            raise RefusedError(f"is missing: name one of the columns {listed(names)}", path="target")
        wanted = tuple(dict.fromkeys(_resolved(target, names, "target")))
        roles: dict[str, Role] = dict.fromkeys((name for name in index if name not in wanted), Role.unused)
        if options.columns:
            roles |= _kept(options.columns, names, wanted)
        for role in ROLES:
            said = getattr(options, role.value)
            if said is None:
                continue
            (name,) = _resolved([said], names, role.value)
            if name in wanted:
                raise RefusedError(f"is the target already: {shown(name)}", path=role.value)
            if roles.get(name, Role.unused) is not Role.unused:
                raise RefusedError(f"is the column of {roles[name].value} already: {shown(name)}", path=role.value)
            roles[name] = role
        for field in ("types", "na_values"):
            said = getattr(options, field)
            for name in said if isinstance(said, dict) else ():
                _resolved([name], names, field)
        return cls(options, wanted, roles)

    def role(self, name: str) -> Role:
        """What a column is for."""
        return self.roles.get(name, Role.feature)

    def column(self, name: str) -> ColumnChoices:
        """What was asked of a column."""
        options = self.options
        said = options.na_values
        own = {clean(key): words for key, words in said.items()}.get(name, ()) if isinstance(said, dict) else said
        default = options.keep_default_na
        clock = options.date_format if options.date_format in CLOCKS else None
        date = options.date_format if clock is None else None
        if options.dayfirst is not None:
            date = "dayfirst" if options.dayfirst else "monthfirst"
        return ColumnChoices(
            type={clean(key): kind for key, kind in options.types.items()}.get(name),
            decimal=options.decimal,
            thousands=options.thousands,
            date=date,
            clock=clock,
            missing=MISSING if default else frozenset({""}),
            placeholders=PLACEHOLDERS if default else frozenset(),
            own=frozenset(clean(word) for word in own),
            is_target=name in self.target,
        )


def _kept(said: Sequence[str], names: Sequence[str], target: Sequence[str]) -> dict[str, Role]:
    """The columns that are left out, and those that are used for certain."""
    if len(said) == 1 and said[0] not in names:
        said = [part.strip() for part in said[0].split(",")]
    drops = [name for name in said if name.startswith("-") and clean(name) not in names]
    if drops and len(drops) < len(said):
        raise RefusedError(
            "names columns to use and, with a minus, columns to leave out: do one of both", path="columns"
        )
    if drops:
        return dict.fromkeys(_resolved([name[1:] for name in drops], names, "columns"), Role.unused)
    kept = _resolved(said, names, "columns")
    return {name: Role.feature if name in kept else Role.unused for name in names if name not in target}


def _resolved(said: Sequence[str], names: Sequence[str], path: str) -> list[str]:
    """The columns that are meant; one text with commas may name several. Raises `RefusedError`."""
    found = [clean(name) for name in said]
    if len(found) == 1 and found[0] not in names and path in ("target", "columns"):
        found = [part.strip() for part in found[0].split(",")]
    for name in found:
        if name not in names:
            by_letters = {other.casefold(): other for other in names}
            close = meant(name.casefold(), by_letters)
            asked = f" (is it {shown(by_letters[close])}?)" if close else ""
            raise RefusedError(f"is no column of the file: {shown(name)}{asked}; it has {listed(names)}", path=path)
    return found
