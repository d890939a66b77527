import pytest
from pydantic import TypeAdapter, ValidationError

from spec.dataset import BUILTIN, DatasetSpec, Inline, Shipped, Targets, Uploaded, describe
from spec.job import JobSpec
from spec.splits import split_sizes

DATASET: TypeAdapter[DatasetSpec] = TypeAdapter(DatasetSpec)


def test_every_builtin_name_is_a_data_set_that_can_be_described() -> None:
    for name in BUILTIN:
        info = describe(DATASET.validate_python(name), labels=True)
        assert info is not None
        assert info.rows > 0
        assert (info.classes is not None) == (info.targets is Targets.classes)


def test_an_unknown_name_is_told_all_known_ones() -> None:
    with pytest.raises(ValidationError, match=r"xor, moons.*diabetes"):
        DATASET.validate_python("digit")


def test_a_real_data_set_takes_no_rows_to_make() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        DATASET.validate_python({"name": "digits", "n": 10})


def test_an_upload_is_known_by_the_record_only() -> None:
    upload = DATASET.validate_python({"id": "ds_" + "0" * 32})
    assert isinstance(upload, Uploaded)
    assert describe(upload, labels=True) is None


def test_whole_inline_targets_are_labels_only_where_the_loss_takes_labels() -> None:
    data = Inline(x=((0.0,), (1.0,), (2.0,)), y=(1.0, 5.0, 9.0))
    labelled, numbers = describe(data, labels=True), describe(data, labels=False)
    assert labelled is not None
    assert numbers is not None
    assert (labelled.targets, labelled.classes) == (Targets.classes, 3)
    assert numbers.targets is Targets.numbers


def test_inline_zeros_and_ones_are_two_classes_under_any_loss() -> None:
    info = describe(Inline(x=((0.0,), (1.0,)), y=(0.0, 1.0)), labels=False)
    assert info is not None
    assert info.classes == 2


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([[1.0, 2.0], [3.0]], [1.0, 2.0], "same number of features"),
        ([[1.0]], [1.0, 2.0], "x has 1, y 2"),
        ([[1.0], [2.0]], [[1.0], [2.0, 3.0]], "same number of values"),
    ],
)
def test_inline_data_must_be_rectangular(x: object, y: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DATASET.validate_python({"x": x, "y": y})


@pytest.mark.parametrize(
    ("rows", "fractions", "sizes"),
    [
        (1797, (0.2, 0.0), (1438, 359, 0)),
        (4, (0.2, 0.2), (2, 1, 1)),
        (2, (0.2, 0.0), (2, 0, 0)),
        (10, (0.0, 0.25), (7, 0, 3)),
    ],
)
def test_each_part_of_a_split_is_rounded_half_up(
    rows: int, fractions: tuple[float, float], sizes: tuple[int, int, int]
) -> None:
    assert split_sizes(rows, *fractions) == sizes


def test_shipped_images_say_their_shape() -> None:
    info = describe(Shipped(name="digits"), labels=True)
    assert info is not None
    assert info.image == (1, 8, 8)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_texts_that_no_database_keeps_are_refused(text: str) -> None:
    rows = {"x": [[0.0], [1.0]], "y": [0, 1]}
    with pytest.raises(ValidationError, match="without NUL"):
        JobSpec.model_validate({"dataset": {**rows, "group": [text, "b"]}, "split": "group"})
    with pytest.raises(ValidationError):
        JobSpec.model_validate({"dataset": rows, "class_weight": {text: 2.0}})
