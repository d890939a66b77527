"""Files that are no tables are refused by what they are, with what makes a table of them."""

from pathlib import Path

import pytest

from .reading import reading, refusal

ROWS = "".join(f"{row},{row % 2}\n" for row in range(30))
DUMPS = {
    "MySQL": ("-- MySQL dump 10.13\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `t`;\n", "mysql -B -e"),
    "phpMyAdmin": ('-- phpMyAdmin SQL Dump\n\nSET SQL_MODE = "NO";\nCREATE TABLE `t` (`a` int);\n', "mysql -B -e"),
    "PostgreSQL": ("--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n", "psql DATABASE -c"),
    "COPY": ("COPY public.t (a, y) FROM stdin;\n1\t2\n", "psql DATABASE -c"),
    "SQLite": ("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\n", "sqlite3 data.db < dump.sql"),
    "rows": ("insert into t (a, y) values (1, 2);\n" * 20, "sqlite3 data.db < dump.sql"),
    "SQLite's own": ("SQLite format 3\0" + 100 * "\0", "sqlite3 -header -csv"),
}


@pytest.mark.parametrize("kind", DUMPS)
def test_a_database_is_refused_with_the_command_that_writes_a_table(tmp_path: Path, kind: str) -> None:
    content, cure = DUMPS[kind]
    said = refusal(content, tmp_path)
    assert said.startswith(("file is an SQL dump: ", "file is an SQLite database: "))
    assert f"write a table as CSV, by {cure}" in said


PROGRAMS = {
    "SPSS": (b"$FL2@(#) SPSS DATA FILE", "pandas.read_spss(file).to_csv"),
    "Stata": (b"<stata_dta><header>", "pandas.read_stata(file).to_csv"),
    "Stata 12": (b"s\x02\x01\x00", "pandas.read_stata(file).to_csv"),
    "SAS": (bytes(12) + b"\xc2\xea\x81\x60\xb3\x14", "pandas.read_sas(file).to_csv"),
    "R": (b"RDX3\nX\n", "write.csv(frame, file"),
    "R's one": (b"X\n\0\0\0\3", "write.csv(readRDS(file), file"),
    "SAS transport": (b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!", "pandas.read_sas(file).to_csv"),
    "MATLAB": (b"MATLAB 5.0 MAT-file", "numpy.savez(file"),
    "MATLAB 7.3": (b"MATLAB 7.3 MAT-file", "h5py.File(file)"),
    "pickle": (b"\x80\x05\x95", "a Python pickle"),
    "IDX": (b"\0\0\x08\3\0\0\xea\x60", "write x_train, y_train"),
    "RAR": (b"Rar!\x1a\x07", "a RAR archive"),
    "NumPy": (b"\x93NUMPY\1\0", "numpy.savez(file, X=X, y=y)"),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_files_of_other_programs_are_refused_with_what_writes_one_that_is_read(tmp_path: Path, kind: str) -> None:
    content, cure = PROGRAMS[kind]
    assert cure in refusal(content + bytes(200), tmp_path)


@pytest.mark.parametrize("name", ["create", "use", "set", "insert into", "-- remark", "copy", "begin", "pragma"])
def test_a_table_with_a_word_of_sql_for_a_name_is_read(tmp_path: Path, name: str) -> None:
    assert reading(f"{name},y\n{ROWS}", tmp_path).rows == 30


@pytest.mark.parametrize(
    "header", ["PARENT_ID,y", "PAR1,y", "PK,y", "PKID;y", "begin;y", "Use type;y", "BZh,y", "RDX;y", "GIF8,y"]
)
def test_a_table_is_read_whatever_its_first_name_begins_with(tmp_path: Path, header: str) -> None:
    rows = ROWS.replace(",", ";") if ";" in header else ROWS
    assert reading(f"{header}\n{rows}", tmp_path).rows == 30
