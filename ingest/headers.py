"""The first row of a text file: names of columns, or data already; and columns that only number the rows."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count, pairwise

from spec.cells import MISSING, PLACEHOLDERS, CellFormat, clean, clock_of, currency_of
from spec.reading import ReadingOptions
from spec.schema import Column, ColumnKind

from . import limits
from .errors import shown, some

UNNAMED = re.compile(r"(Unnamed: \d+|__index_level_\d+__|index|)")
"""What pandas calls its index where nobody named it."""

ID = re.compile(
    r"(index|unnamed: \d+|(.*[\W_])?(id|nr|no|code|zip|zipcode|postcode|plz|ssn|isbn(1[03])?|ean|gtin|imei|(tele)?phone"
    r"|(user|customer|client|member|person|patient|student|employee|order|item|product|movie|store|account|session)id"
    r"|(row|serial|account|(tele)?phone|employee|customer|order|invoice|policy|ticket|roll|patient)[\W_]?number))\W*",
    re.IGNORECASE,
)
"""How columns are called whose numbers are names."""
MOST_DESCRIPTIONS = 2
ENOUGH = 9
"""So many rows below words that are no units; of fewer, a word may be one of several values."""
_ATOM = (
    r"(%|\u2030|\u00b0[CFK]?|[KCF]|[\u00b5\u03bcumcdhkMGTnp]?(m|s|g|l|L|A|V|W|Wh|J|N|Pa|Hz|eV|mol|M|bar|B|b|t|cal|\u03a9|Ohm)|"
    r"min|sec|h|hr|hrs|hours?|d|days?|weeks?|months?|yr|y|years?|kn|kts?|mph|kmh|kph|ft|in|inch|mi|lbs?|oz|psi|"
    r"mmHg|ha|deg|rad|ppm|ppb|dB|dBA?|rpm|px|IU|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CAD|AUD|[$\u20ac\u00a3\u00a5])([\u00b2\u00b3]|\^?-?[1-9])?"
)
UNIT = re.compile(rf"[\[(<{{].*[\])>}}]|{_ATOM}([/*\u00b7. ]{_ATOM})*")
"""A unit as it stands below a name: `m/s`, `EUR`, or anything in brackets."""
DASHES = re.compile(":?-+:?")
"""What is below a name in such a line; Markdown's colons say which way a column is aligned."""
MONKEY = re.compile("(Open-Ended )?Response")
"""What SurveyMonkey writes below the name of a question that has one answer."""
CANVAS = "Points Possible"
"""What Canvas writes below `Student` in a grade book, beside the most points of each assignment."""
ORANGE_TYPES = frozenset(
    ("continuous", "numeric", "c", "n", "discrete", "categorical", "d", "string", "text", "s", "time", "t", "basket")
)
"""What Orange writes in the second line of a file: the type of each column."""
ORANGE_NUMBERS = frozenset(("continuous", "numeric", "c", "n"))
"""Those types that are of numbers."""
ORANGE_FLAGS = frozenset(("class", "c", "meta", "m", "ignore", "i", "weight", "w"))
"""What Orange writes in the third line: what each column is for."""
YEAR = re.compile("(1[7-9]|20)[0-9]{2}")
"""A number that names a column, as statistical offices write their tables."""
_WINDOWS = {code: letter for code in range(0x80, 0xA0) if (letter := bytes([code]).decode("cp1252", "ignore"))}
"""What control characters of a name were before somebody read Windows-1252 as Latin-1, and saved it as UTF-8."""
MOST_NAMED = 3
"""Each of so many columns without a name of their own has a note; more have one together."""
Record = Sequence[str]
_FORMS = (
    CellFormat(),
    *(CellFormat(decimal=mark, thousands=group) for mark, group in ((".", ","), (",", "."), (".", " "), (",", " "))),
)
_DATED = (CellFormat(date="dayfirst"), CellFormat(date="named"))


def is_short(records: Sequence[Record]) -> bool:
    """Whether the first record has a cell fewer than each other one: names, without one for the names of the rows."""
    return len(records) > 1 and all(len(record) == len(records[0]) + 1 for record in records[1:])


def has_header(records: Sequence[Record], named: Collection[str]) -> bool:
    """Whether the first of some records has the names of the columns.

    `named` are columns that somebody spoke of.
    """
    first, rest = records[0], records[1:]
    if is_short(records):
        return True
    by_place = {str(place) for place in range(len(first))}
    if any(name in first and name not in by_place for name in named):
        return True
    are_named_by_place = not by_place.isdisjoint(set(named).difference(first))
    others = [record for record in rest if list(record) != list(first)]  # where files were joined, it comes again
    filled = [cell for cell in first if cell]
    numbers = [cell for cell in filled if is_value(cell)]
    if (
        _are_consecutive(filled)
        or (not are_named_by_place and _are_beside_names_of_rows(first, rest))
        or (len(numbers) < len(filled) and is_above_numbers(first, rest if numbers else others))
    ):
        return True
    if not numbers:
        may_be_names = len(set(first)) == len(first) and not _recurs(first, rest, all)
        return not rest or (may_be_names and not are_named_by_place)
    is_data = _recurs(first, rest) or not all(map(str.isdecimal, numbers)) or len(set(numbers)) < len(numbers)
    return len(numbers) < len(filled) and not is_data


def is_above_numbers(first: Record, rest: Sequence[Record]) -> bool:
    """Whether a word stands above nothing but numbers."""
    for place, cell in enumerate(first):
        below = [record[place] for record in rest if place < len(record) and not is_gap(record[place])]
        if cell and not is_value(cell) and not is_gap(cell) and below and all(is_value(value) for value in below):
            return True
    return False


def _recurs(first: Record, rest: Sequence[Record], of: Callable[[Iterable[bool]], bool] = any) -> bool:
    """Whether any, or all, words of the first record stand below themselves again."""
    return of(
        bool(cell) and not is_value(cell) and any(place < len(record) and record[place] == cell for record in rest)
        for place, cell in enumerate(first)
    )


def _are_consecutive(cells: Record) -> bool:
    """Whether these are 0, 1, 2 ... or years in a row: names that are numbers, such as pandas writes."""
    if len(cells) < 2 or not all(re.fullmatch("[0-9]+", cell) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return all(after == before + 1 for before, after in pairwise(numbers))


def _are_beside_names_of_rows(first: Record, rest: Sequence[Record]) -> bool:
    """Whether numbers name columns, and nothing that of the names of the rows: `0` of pandas' series, or years."""
    if first[0] or not rest or not all(record[0] for record in rest):
        return False
    names = [name for name in first[1:] if name]
    if names == ["0"]:
        return len(first) == 2
    are_years = len(names) > 1 and all(map(YEAR.fullmatch, names)) and names == sorted(set(names))
    return are_years and not any(YEAR.fullmatch(cell) for record in rest for cell in record[1:])


def is_of_ids(name: str) -> bool:
    """Whether a column is called like those whose numbers are names."""
    return ID.fullmatch(re.sub("(?<=[a-z])(?=[A-Z])", " ", name)) is not None


def is_gap(cell: str) -> bool:
    """Whether a cell says that it has no value."""
    return cell in MISSING or cell in PLACEHOLDERS


def is_value(cell: str) -> bool:
    """Whether a cell is a number, a date or a time."""
    if clock_of(cell) not in (None, "part"):  # 24h is a name, too
        return True
    if any(form.number(cell) is not None for form in _FORMS) or any(form.days(cell) is not None for form in _DATED):
        return True
    unit = currency_of(cell)
    return unit is not None and any(form.model_copy(update={"unit": unit}).number(cell) is not None for form in _FORMS)


def without_comment_mark(records: Sequence[Record], named: Collection[str]) -> Sequence[Record]:
    """The records, where the first is a header of `numpy.savetxt`, `# a,b`, without the mark of comments.

    Somebody calls a column `# rooms`, too: only numbers as that writes them, or a name that is spoken of, are a sign.
    """
    bare = records[0][0].removeprefix("# ").strip()
    if bare == records[0][0] or records[0][0] in named or len(records) < 2:
        return records
    if bare in named or all(re.fullmatch(r"-?\d\.\d{18}e[+-]\d\d|nan", cell) for cell in records[1]):
        return [[bare, *records[0][1:]], *records[1:]]
    return records


def is_ruled(records: Sequence[Record], options: ReadingOptions, columns: Sequence[Column]) -> bool:
    """Whether a line of dashes is below all names, as in Markdown and as `sqlcmd` writes it.

    It is a row where it stands again below, has said gaps, or where the `columns` of a model can read it.
    """
    if len(records) < 3 or len(records[1]) != len(records[0]) or list(records[1]) in map(list, records[2:]):
        return False
    cells = [cell for name, cell in zip(records[0], records[1], strict=True) if name or cell]
    are_dashes = all(map(DASHES.fullmatch, cells)) and any(len(cell) > 2 for cell in cells)
    if not are_dashes or _said_gaps(options).intersection(cells):
        return False
    return not _read(columns, records)


def _read(columns: Sequence[Column], records: Sequence[Record]) -> bool:
    """Whether the columns of a model, if there are any, can read the record below the names."""
    below = dict(zip(records[0], records[1], strict=False))
    return bool(columns) and all(_reads(column, below.get(column.name, "")) for column in columns)


def _reads(column: Column, cell: str) -> bool:
    """Whether a cell is a gap or a word that the column had in training."""
    return cell in column.categories or (column.gaps and cell in column.gap_words)


def _said_gaps(options: ReadingOptions) -> set[str]:
    said = options.na_values
    return {clean(word) for words in (said.values() if isinstance(said, dict) else [said]) for word in words}


def descriptions(records: Sequence[Record], options: ReadingOptions, columns: Sequence[Column] = ()) -> int:
    """How many records below the names, the first, describe the columns: units, or what was asked in a survey.

    They have words, and no number, above columns of nothing but numbers: such a row can be no other. Types are a row
    where the `columns` of a model can read them.
    """
    if known := _of_survey(records):
        return known
    if (types := _of_orange(records)) and not _read(columns, records):
        return types
    gaps = _said_gaps(options)
    of_words = {place for place, name in enumerate(records[0]) if options.types.get(name) is ColumnKind.category}
    count = 0
    while count < MOST_DESCRIPTIONS and len(records) > 2 + count:
        record = records[1 + count]
        if gaps.intersection(record) or not _describes(record, records[2 + count :], of_words):
            break
        count += 1
    has_index = 0 < count < len(records) - 2 and _names_index(records[1 + count], records[2 + count :])
    return count + has_index


def _names_index(record: Record, below: Sequence[Record]) -> bool:
    """Whether a record has the name of a frame's index alone, as pandas writes it below several rows of names."""
    index = [row[0] for row in below if row[0]]
    is_alone = len(record) > 1 and bool(record[0]) and not any(record[1:])
    return is_alone and not is_gap(record[0]) and not is_value(record[0]) and bool(index) and all(map(is_value, index))


def _of_survey(records: Sequence[Record]) -> int:
    """How many records below the names Qualtrics, SurveyMonkey or Canvas wrote there.

    They are questions and ids, `Response`, or the points that students can have.
    """
    for place in range(1, MOST_DESCRIPTIONS + 1):
        filled = [cell for cell in records[place] if cell] if len(records) > place + 1 else []
        if filled and all(cell.startswith('{"ImportId"') for cell in filled):
            return place
        if filled and records[0][0] == "Student" and filled[0] == CANVAS == records[place][0]:
            return place
    first = [cell for cell in records[1] if cell] if len(records) > 2 else []
    if len(records) > 2 and records[0][0] == "V1" and records[1][0] == "ResponseID":  # Qualtrics as it was before
        return 1
    is_monkey = bool(first) and not records[1][0] and bool(records[2][0]) and any(map(MONKEY.fullmatch, first))
    return int(is_monkey and not any(map(is_value, first)))


def _of_orange(records: Sequence[Record]) -> int:
    """How many records below the names Orange wrote there: types of the columns, and what they are for."""
    if len(records) < 4:
        return 0
    types, filled = records[1], [cell for cell in records[2] if cell]
    words = {word for cell in (*types, *filled) for word in cell.split() if len(word) > 1}
    if words.isdisjoint(ORANGE_TYPES | ORANGE_FLAGS):
        return 0
    has_flags = len(filled) < len(records[0]) and all(
        word in ORANGE_FLAGS or "=" in word for cell in filled for word in cell.split()
    )
    rows = records[3:] if has_flags else records[2:]
    columns = [{row[place] for row in rows if place < len(row)} for place in range(len(types))]
    are_types = [
        not cell or _is_type(cell, below, has_flags=has_flags) or _are_values(cell, below)
        for cell, below in zip(types, columns, strict=True)
    ]
    if not any(types) or not all(are_types) or not (filled or all(types)):
        return 0
    return 2 if has_flags else int(ORANGE_TYPES.issuperset(types))


def _is_type(cell: str, below: Collection[str], *, has_flags: bool) -> bool:
    """Whether a cell is Orange's word for the type of a column with these values; one of numbers has some."""
    if cell not in ORANGE_TYPES or (cell in below and not has_flags):
        return False
    return cell not in ORANGE_NUMBERS or any(map(is_value, below)) or all(map(is_gap, below))


def _are_values(cell: str, below: Collection[str]) -> bool:
    r"""Whether a cell lists the values of its column, with a blank between them: `no yes\ or\ no`."""
    values = {value.replace("\\ ", " ") for value in re.split(r"(?<!\\) +", cell)}
    return len(values) > 1 and {value for value in below if not is_gap(value)} <= values


def _describes(record: Record, below: Sequence[Record], of_words: Collection[int]) -> bool:
    """Whether words stand above numbers; not in the columns `of_words`, of which somebody said so."""
    if any(is_value(cell) for cell in record if not is_gap(cell)):
        return False
    above_values, others = list[str](), list[str]()
    for place, cell in enumerate(record):
        column = [row[place] for row in below if place < len(row)]
        values = [value for value in column[1:] if not is_gap(value)]  # the first may describe, too
        if is_gap(cell) or place in of_words:
            continue
        if cell in column:
            return False
        (above_values if values and all(map(is_value, values)) else others).append(cell)
    if all(map(UNIT.fullmatch, (*above_values, *others))):
        return bool(above_values)
    return len(above_values) > 1 and len(below) >= ENOUGH


def names_of(
    records: Sequence[Record], *, has_header: bool, named: Collection[str] = ()
) -> tuple[list[str], list[str], list[str]]:
    """The names of the columns, those that only number the rows or are empty, and what is to be said of them."""
    if not has_header:
        return [str(place) for place in range(len(records[0]))], [], []
    names, notes, index = list(records[0]), list[str](), list[str]()
    if is_short(records):
        trails = not any(record[-1] for record in records[1:])
        names = [*names, ""] if trails else ["", *names]
    widest = max(map(len, records[1:]), default=len(names))
    if len(names) > widest and not any(names[widest:]):
        notes.append("The header ends with a delimiter that no row has: it begins no column.")
        names = names[:widest]
    written, said = _written(names)
    names, more = _apart(written, named)
    notes += [*said, *more]
    seen, empty, unnamed = set(names), list[str](), list[str]()
    for place, name in enumerate(written):
        if not UNNAMED.fullmatch(name):
            continue
        below = [record[place] for record in records[1:] if place < len(record)]
        if not name:
            usual = f"Unnamed: {place}"
            names[place] = usual if usual not in seen else _another(usual, seen)
            seen.add(names[place])
        if not any(below):
            if not name:
                index.append(names[place])
                empty.append(f"Column {place + 1} has no name and no values, and is not used.")
        elif place == len(index) and ((not name and place == 0) or counts_rows(below) or _numbers_rows(name, below)):
            index.append(names[place])
            whose = "has the names of the rows" if is_short(records) else "is pandas' index"
            notes.append(f"Column {shown(names[place])} {whose}, and is not used, unless it is named in columns.")
        elif not name:
            unnamed.append(f"Column {place + 1} has no name, and is called {shown(names[place])}.")
    are_empty = f"{len(empty)} columns have no name and no values, and are not used."
    are_unnamed = f"{len(unnamed)} columns have no name, and are called 'Unnamed: ' and their number, from 0 on."
    return names, index, [*notes, *_few(unnamed, are_unnamed), *_few(empty, are_empty)]


def _few(said: list[str], as_one: str) -> list[str]:
    """What is to be said of columns, each by itself, or as one sentence of many."""
    return said if len(said) <= MOST_NAMED else [as_one]


def names_written(record: Record, *, named: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """What columns with these names are called, each once; and what is to be said of that."""
    written, notes = _written(record)
    names, more = _apart(written, named)
    return names, [*notes, *more]


def _apart(written: Sequence[str], named: Collection[str]) -> tuple[list[str], list[str]]:
    """Names that no two columns have, but one that is spoken of; and what is to be said of that."""
    names, notes, seen, known = list(written), list[str](), set(written), set[str]()
    called = list[str]()
    for place, name in enumerate(written):
        if name and name in known and (name not in named or _another(name, seen) in named):
            names[place] = _another(name, seen)
            seen.add(names[place])
            notes.append(
                f"Column {place + 1} has the name {shown(name)} of another, and is called {shown(names[place])}."
            )
            called.append(names[place])
        known.add(name)
    return names, _few(notes, f"{len(notes)} columns have the name of another, and are called {some(called)}.")


def _written(record: Record) -> tuple[list[str], list[str]]:
    """Names on one line each, and no longer than they may be; and what is to be said of that."""
    letters, notes = [name.translate(_WINDOWS) for name in record], list[str]()
    if mended := [name for name, raw in zip(letters, record, strict=True) if name != raw]:
        notes.append(f"Control characters in names are read as the letters of Windows-1252: {some(mended)}.")
    names = [name if name.isprintable() else " ".join(name.split()) for name in letters]
    if broken := [name for name, raw in zip(names, letters, strict=True) if name != raw]:
        notes.append(f"Line breaks and tabs in names are read as spaces: {some(broken)}.")
    if long := [name for name in names if len(name) > limits.NAME]:
        notes.append(f"Names of more than {limits.NAME} characters are cut: {some(long)}.")
    return [name[: limits.NAME].rstrip() for name in names], notes


def _another(name: str, seen: Collection[str]) -> str:
    """The name with a number that no other column has, as pandas gives it; a long one makes room for that."""
    ends = (f".{at}" for at in count(1))
    return next(one for end in ends if (one := name[: limits.NAME - len(end)] + end) not in seen)


def counts_rows(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2 ... or 1, 2, 3 ..."""
    try:
        numbers = [int(cell) for cell in cells]
    except ValueError:
        return False
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] in (0, 1)


def _numbers_rows(name: str, cells: Sequence[str]) -> bool:
    """Whether cells are whole numbers, each once, as in the index of a frame whose rows were mixed or left out."""
    return name.startswith("Unnamed") and all(map(str.isdecimal, cells)) and len(set(cells)) == len(cells)
