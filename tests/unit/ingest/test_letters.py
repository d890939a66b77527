"""Letters are composed (NFC) wherever they come in: é is one letter, however a program wrote it."""

import io
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model.preprocessing import Preprocessing
from model.rows import numbers_of
from spec.schema import Role

from .reading import reading, table

NFD = unicodedata.normalize("NFD", "é")
NFC = "é"
ANGSTROM, KELVIN = "\u212b", "\u212a"
"""Signs that are letters once composed."""


def file(name: str, cells: list[str], target: str = "y", labels: tuple[str, str] = ("0", "1")) -> str:
    rows = (f"{cells[row % len(cells)]},{row},{labels[row % 2]}" for row in range(30))
    return f"{name},n,{target}\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("written", [NFD, NFC])
def test_names_of_columns(tmp_path: Path, written: str) -> None:
    assert reading(file(written, ["a", "b"]), tmp_path).table.columns[0].name == NFC


@pytest.mark.parametrize(("written", "asked"), [(NFD, NFC), (NFC, NFD), (NFD, NFD)])
def test_the_name_of_the_target(tmp_path: Path, written: str, asked: str) -> None:
    assert reading(file("a", ["x", "z"], written), tmp_path, target=asked).table.target.name == NFC


@pytest.mark.parametrize("option", ["columns", "types", "weight", "na_values"])
def test_names_in_options(tmp_path: Path, option: str) -> None:
    said: Any = {"types": {NFD: "category"}, "na_values": {NFD: ["1"]}}.get(option, NFD)
    found = reading(file(NFC, ["1", "2"]), tmp_path, **{option: said})
    first = found.table.columns[0]
    seen = {
        "columns": not found.table.columns[1].is_feature,
        "types": first.categories == ("1", "2"),
        "weight": first.role is Role.weight,
        "na_values": first.gaps,
    }
    assert seen[option]


@pytest.mark.parametrize(("cells", "categories"), [([NFD, NFC], (NFC,)), ([ANGSTROM, "Å", KELVIN, "K"], ("K", "Å"))])
def test_categories(tmp_path: Path, cells: list[str], categories: tuple[str, ...]) -> None:
    assert reading(file("a", cells), tmp_path).table.columns[0].categories == categories


def test_labels(tmp_path: Path) -> None:
    content = file("a", ["1"], labels=(NFD, "e")) + f"2,2,{NFC}\n"
    assert reading(content, tmp_path).table.target.labels == ("e", NFC)


def test_texts_in_parquet_and_npz(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pd.DataFrame({NFD: [NFD, NFC] * 10, "y": [0, 1] * 10}).to_parquet(buffer)
    found = reading(buffer.getvalue(), tmp_path, name="f.parquet")
    assert (found.table.columns[0].name, found.table.columns[0].categories) == (NFC, (NFC,))
    buffer = io.BytesIO()
    np.savez(buffer, X=np.arange(20.0)[:, None], y=np.array([NFD, "e", NFC, "e"] * 5))
    assert reading(buffer.getvalue(), tmp_path, name="f.npz", target=None).table.target.labels == ("e", NFC)


def test_two_names_that_are_one_are_told_apart(tmp_path: Path) -> None:
    found = reading(f"{NFC},{NFD},y\n1,2,0\n3,4,1\n", tmp_path)
    assert found.profile.names == [NFC, f"{NFC}.1", "y"]


@pytest.mark.parametrize("name", [NFC, NFD])
@pytest.mark.parametrize("cell", [NFC, NFD, f" {NFD}\u00a0"])
def test_rows_that_are_predicted(tmp_path: Path, name: str, cell: str) -> None:
    reading(file(NFC, [NFD, "a"]), tmp_path)
    x, y, schema = table(tmp_path)
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    assert numbers_of([{name: cell, "n": 0}], prepared).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("encoding", "name", "word"),
    [
        ("gb18030", "价格", "北京"),
        ("cp932", "価格", "東京"),
        ("cp949", "가격", "서울"),
        ("big5", "價格", "臺北"),
        ("cp1251", "Цена", "Москва"),
        ("cp1250", "Wartość", "Łódź"),
        ("cp1256", "السعر", "بغداد"),
        ("cp850", "Größe", "Köln"),
    ],
)
def test_a_name_that_is_spoken_of_tells_the_encoding(tmp_path: Path, encoding: str, name: str, word: str) -> None:
    content = file("n", [word, "x"], target=name).replace("n,n", "c,n").encode(encoding)
    found = reading(content, tmp_path, target=name)
    assert (found.table.target.name, found.table.columns[0].categories) == (name, tuple(sorted([word, "x"])))
    assert found.profile.encoding == encoding
    assert any("in which it has the columns that are named" in note for note in found.profile.notes)


def test_a_name_in_western_letters_tells_no_other_encoding(tmp_path: Path) -> None:
    found = reading(file("c", ["Köln", "x"], target="größe").encode("cp1252"), tmp_path, target="größe")
    assert found.profile.encoding == "latin-1"


IN_OTHER_LETTERS = {
    "gb18030": "北京 上海 广州 深圳 性别 年龄 非常满意 一般 不满意",
    "big5": "臺北市 新北市 桃園市 性別 年齡 非常滿意 普通 不滿意",
    "cp949": "서울특별시 부산광역시 경기도 남자 여자 매우만족 보통",
    "cp932": "東京都 大阪府 北海道 男性 女性 とても満足 普通 不満",
    "euc_jp": "東京都 大阪府 北海道 男性 女性 とても満足 普通 不満",
    "cp1251": "Москва Новосибирск мужской женский отлично хорошо плохо",
    "koi8_r": "Москва Новосибирск мужской женский отлично хорошо плохо",
    "cp1253": "Αθήνα Θεσσαλονίκη Πάτρα Άνδρας Γυναίκα άριστα καλά",
    "cp1255": "ירושלים חיפה זכר נקבה מצוין טוב סטודנט מורה",
    "cp1256": "القاهرة الرياض بغداد ذكر أنثى ممتاز جيد طالب معلم",
    "cp874": "กรุงเทพมหานคร เชียงใหม่ ขอนแก่น ชาย หญิง ดีมาก ปานกลาง",
}


@pytest.mark.parametrize("encoding", IN_OTHER_LETTERS)
def test_a_text_in_other_letters_than_latin_ones_tells_its_encoding(tmp_path: Path, encoding: str) -> None:
    words = IN_OTHER_LETTERS[encoding].split()
    found = reading(file("c", [*words, "x", "y"], target="y").encode(encoding), tmp_path)
    assert (found.profile.encoding, found.table.columns[0].categories) == (encoding, tuple(sorted([*words, "x", "y"])))
    (note,) = [note for note in found.profile.notes if "The file is not UTF-8" in note]
    assert note.startswith(f"The file is not UTF-8, and is read as {encoding}, such as '{words[0]}': encoding says")


@pytest.mark.parametrize(
    "text",
    [
        "Größe Köln Düsseldorf Schüler männlich Straße Übung Ärztin",
        "Région féminin élève Orléans Île-de-France à é Âge",
        "São Paraná Brasília não educação município ótimo",
        "Reykjavík Ísafjörður Þórshöfn Já Kön Göteborg Århus",
        "12° 13° µg/m³ 5² ½ ± “a” € Nº",
        "É À Ö Ø Ñ ß í ú é à ö ø",
    ],
)
def test_western_letters_are_taken_for_no_others(tmp_path: Path, text: str) -> None:
    found = reading(file("c", text.split(), target="y").encode("cp1252"), tmp_path)
    assert found.profile.encoding in ("cp1252", "latin-1")


def test_a_few_letters_tell_no_encoding(tmp_path: Path) -> None:
    cells = ["Москва", *(f"x{row % 3}" for row in range(29))]
    assert reading(file("c", cells, target="y").encode("cp1251"), tmp_path).profile.encoding == "latin-1"


@pytest.mark.parametrize(
    "words", [[f"{15 + row % 9}°C" for row in range(30)], ["Área", "Centro", "Sul"], ["5 µg", "6 µg"]]
)
def test_few_western_words_that_recur_are_taken_for_no_others(tmp_path: Path, words: list[str]) -> None:
    rows = "".join(f"{words[row % len(words)]},{row},{row % 2}\n" for row in range(100))
    found = reading(b"c,n,y\n" + rows.encode("cp1252"), tmp_path)
    assert found.profile.encoding in ("cp1252", "latin-1")
