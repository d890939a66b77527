"""What a file is, by its first bytes; a name only says what it should be."""

import re
import zipfile
from pathlib import Path
from typing import Literal

from .errors import RefusedError
from .unpacking import IMAGE_HEADS

Kind = Literal["csv", "parquet", "npz"]

_BY_PANDAS = "write it as CSV, as pandas.read_{}(file).to_csv(file, index=False) does"
_TABLE = re.compile(rb"(?=[^\n]*[,;\t| ])[^\0-\x08\x0e-\x1f]*")
"""Text whose first line may name columns, whatever it begins with: files of programs have control characters."""
_MAGIC: dict[bytes, str] = {
    **dict.fromkeys(IMAGE_HEADS, "one image: send a zip with a folder of images for each class"),
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "compressed twice",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x93NUMPY": "a single NumPy array: write X and y, as numpy.savez(file, X=X, y=y) does",
    b"$FL": f"of SPSS: {_BY_PANDAS.format('spss')}",
    b"<stata_dta>": f"of Stata: {_BY_PANDAS.format('stata')}",
    b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60": f"of SAS: {_BY_PANDAS.format('sas')}",
    **dict.fromkeys(
        (b"q\1\1\0", b"q\2\1\0", b"r\1\1\0", b"r\2\1\0", b"s\1\1\0", b"s\2\1\0"),
        f"of Stata: {_BY_PANDAS.format('stata')}",
    ),
    b"HEADER RECORD*******": f"of SAS: {_BY_PANDAS.format('sas')}",
    b"MATLAB 7.3": "of MATLAB 7.3, which is HDF5: write it as NPZ, as numpy.savez(file, X=..., y=...) does of "
    "h5py.File(file)",
    b"MATLAB 5.0": "of MATLAB: write it as NPZ, as numpy.savez(file, X=..., y=...) does of scipy.io.loadmat(file)",
    b"RDX": "of R: write a frame as CSV, as write.csv(frame, file, row.names=FALSE) does",
    b"X\n\0\0\0": "of R: write it as CSV, as write.csv(readRDS(file), file, row.names=FALSE) does",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow file",
    b"Obj\x01": "an Avro file",
    **dict.fromkeys((b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"), "a Python pickle"),
    b"Rar!": "a RAR archive",
    **dict.fromkeys(
        (b"\0\0\x08\1", b"\0\0\x08\3"),
        "in the form IDX of MNIST: write x_train, y_train, x_test and y_test as NPZ",
    ),
    b"\x7fELF": "a program",
}
_TEXTS: dict[bytes, str] = {
    rb"(<!doctype|<html|<\?xml|<table)": "a page or XML, and no table: open it in Excel and save it as .xlsx, or write "
    "what pandas.read_html(file) finds in it as CSV",
    rb"[-+\d.]+( +qid:\d+)?( +\d+:[-+.\de]+)+ *(#[^\n]*)?\r?\n": "in the format of LIBSVM: write X.toarray() and y "
    "as NPZ, which sklearn.datasets.load_svmlight_file(file) gives",
}
"""How texts begin that are no CSV."""
_SQL = re.compile(
    rb"(--[^\n]*\n|/\*.*?\*/;?|\s)*"
    rb"(create (table|database|schema|temporary)\b|insert into\s|drop (table|database)\b|set [\w@.]+ ?(=|to )"
    rb"|pragma \w+ ?=|begin( transaction)?;[ \t\r]*\n|start transaction|lock tables|use [`\[]?\w+[`\]]?;[ \t\r]*\n"
    rb"|copy [^\n]* from stdin|select pg_catalog)",
    re.IGNORECASE | re.DOTALL,
)
"""How programs write a database as text."""
_SQLITE = "sqlite3 -header -csv data.db 'SELECT * FROM TABLE' > data.csv"
_CURES: dict[bytes, str] = {
    rb"mysql|mariadb|`": "mysql -B -e 'SELECT * FROM TABLE' DATABASE > data.tsv",
    rb"postgres|pg_catalog|copy [^\n]* from stdin": "psql DATABASE -c \"\\copy TABLE TO 'data.csv' CSV HEADER\"",
    rb"": f"sqlite3 data.db < dump.sql, and then {_SQLITE}",
}
"""How a table of it becomes a file that is read, by what the dump has."""
HEAD = 16_384
_NAMED: dict[str, Kind] = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "parquet": "parquet",
    "pq": "parquet",
    "npz": "npz",
}
_WORDS: dict[Kind, str] = {"csv": "text", "parquet": "Parquet", "npz": "an NPZ archive"}


def kind_of(file: Path, name: str) -> Kind:
    """What the file is. Raises `RefusedError` when it is nothing that is read, or not what its name says."""
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    if not head:
        raise RefusedError("is empty")
    binary = b"" if _TABLE.fullmatch(head) else head
    known = next((words for magic, words in _MAGIC.items() if binary.startswith(magic)), None)
    if known is None and binary[257:262] == b"ustar":
        known = "a tar archive"
    if known is not None:
        raise RefusedError(
            f"is {known}; CSV, Excel, JSON, Parquet, NPZ and ARFF are read, also as gzip or as a zip of one file"
        )
    if head.startswith(b"SQLite format 3\0"):
        raise RefusedError(f"is an SQLite database: write a table as CSV, by {_SQLITE}")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _SQL.match(text):
        cure = next(cure for sign, cure in _CURES.items() if re.search(sign, text, re.IGNORECASE))
        raise RefusedError(f"is an SQL dump: write a table as CSV, by {cure}")
    words = next((words for begin, words in _TEXTS.items() if re.match(begin, text, re.IGNORECASE)), None)
    if words is not None:
        raise RefusedError(f"is {words}; CSV, Excel, JSON, Parquet, NPZ and ARFF are read")
    found: Kind = "csv"
    if binary.startswith((b"PAR1", b"PARE")):
        found = "parquet"
    elif binary.startswith(b"PK"):
        found = _zipped(file)
    named = _NAMED.get(Path(name).suffix.lower().removeprefix("."))
    if named is not None and named != found:
        raise RefusedError(f"is named {Path(name).suffix} and is {_WORDS[found]}: give it the name of what it is")
    return found


def _zipped(file: Path) -> Kind:
    """NPZ is a zip of arrays; of other zips, people should hear what they are."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise RefusedError(f"is a zip archive that is broken or cut short ({error})") from error
    if any(name.endswith(".npy") for name in names):
        return "npz"
    raise RefusedError("is a zip archive without a file of data: CSV, Excel, JSON, Parquet and NPZ are read")
