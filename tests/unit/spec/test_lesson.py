from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from spec.lesson import Ending, Figure, Lesson, LessonView, Seen, lessons_in, read
from spec.specfile import BadSpecFileError
from spec.states import StopReason
from spec.verdict import VerdictKind

LESSON: dict[str, Any] = {
    "title": "A title",
    "idea": "an idea",
    "question": "Why?",
    "prediction": {"ask": "Which?", "answers": ["a", "b"], "right": 2},
    "base": {"dataset": "iris", "epochs": 2},
    "runs": {"slow": {"learning_rate": 1e-4}, "fast": {"learning_rate": 0.1, "architecture.hidden": [4]}},
    "shown": ["train_loss"],
    "seen": "This.",
    "why": "That.",
    "claims": [{"run": "fast", "metric": "train_loss", "below": "slow"}],
}


def seen(*losses: float | None) -> Seen:
    return Seen({"epoch": [1.0, 2.0], "train_loss": list(losses)}, None, None)


def test_each_run_is_the_base_with_its_changes_and_the_labels_of_the_lesson() -> None:
    view = LessonView.of("steps", Lesson.model_validate(LESSON))
    assert view.jobs["fast"]["architecture"]["hidden"] == [4]
    assert view.jobs["fast"]["learning_rate"] == 0.1
    assert (view.jobs["slow"]["project"], view.jobs["slow"]["name"]) == ("lessons", "steps slow")
    assert view.jobs["slow"]["tags"] == {"lesson": "steps"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"claims": [{"run": "other", "metric": "train_loss", "below": 1.0}]}, "other is none of the runs: slow, fast"),
        ({"claims": [{"run": "fast", "metric": "train_loss", "below": 1.0, "above": 0.0}]}, "not both"),
        ({"shown": ["train_los"]}, "train_los is no metric of a curve; did you mean train_loss"),
        ({"claims": [{"run": "fast", "metric": "loss", "below": 1.0}]}, "loss is no metric of a curve"),
        ({"controls": ["speed"]}, "speed is no field of a job"),
        ({"runs": LESSON["runs"] | {"slow": {"learning_rate": -1.0}}}, r"is no job: learning_rate "),
        ({"prediction": {"ask": "Which?", "answers": ["a", "b"], "right": 3}}, "at most 2"),
    ],
)
def test_a_lesson_that_does_not_agree_is_refused_with_the_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Lesson.model_validate(LESSON | change)


def test_a_claim_compares_a_run_with_a_number_or_with_another_run() -> None:
    runs = {"fast": seen(0.5, 0.1), "slow": seen(2.0, 1.0)}
    assert Figure(run="fast", metric="train_loss", below="slow").holds(runs)
    assert not Figure(run="slow", metric="train_loss", below=0.5).holds(runs)
    assert Figure(run="slow", metric="train_loss", at=1, above=1.5).holds(runs)
    assert Figure(run="fast", metric="train_loss", at="highest", above=0.4).holds(runs)
    claim = Figure(run="fast", metric="train_loss", below="slow")
    assert claim.sentence(runs) == "fast: training loss 0.1 is below that of slow (1)"


def test_a_claim_says_of_which_epoch_it_is() -> None:
    runs = {"fast": seen(0.5, 0.1, 0.2), "slow": seen(2.0, 1.0, 1.5)}
    said = [
        Figure(run="fast", metric="train_loss", at=at, below="slow").sentence(runs)
        for at in ("last", "lowest", "highest", 1)
    ]
    assert said == [
        "fast: training loss 0.2 is below that of slow (1.5)",
        "fast: training loss 0.1 at its lowest is below that of slow (1)",
        "fast: training loss 0.5 at its highest is below that of slow (2)",
        "fast: training loss 0.5 at epoch 1 is below that of slow (2)",
    ]


def test_a_claim_of_what_was_not_measured_does_not_hold_and_says_so() -> None:
    runs = {"fast": seen(0.5, 0.1), "failed": Seen({}, None, None), "slow": seen()}
    for claim, words in (
        (Figure(run="fast", metric="train_loss", at=5, below=1.0), "fast: training loss at epoch 5 was not measured"),
        (Figure(run="fast", metric="val_loss", above=0.0), "fast: validation loss was not measured"),
        (Figure(run="slow", metric="train_loss", below=1.0), "slow: training loss was not measured"),
        (
            Figure(run="fast", metric="train_loss", at="lowest", above="failed"),
            "failed: training loss at its lowest was not measured",
        ),
    ):
        assert not claim.holds(runs)
        assert claim.sentence(runs) == words


def test_a_claim_of_an_ending_says_how_the_run_ended() -> None:
    claim = Ending(run="fast", stopped_by=StopReason.early_stopping, verdict=VerdictKind.good)
    assert not claim.holds({"fast": Seen({}, StopReason.max_epochs, VerdictKind.overfit)})
    assert claim.sentence({"fast": Seen({}, StopReason.max_epochs, VerdictKind.overfit)}) == (
        "fast: stopped by max epochs, verdict overfit"
    )
    assert claim.sentence({"fast": Seen({}, None, None)}) == "fast: stopped by nothing, verdict none"


def test_a_loss_that_is_no_number_is_above_all_others() -> None:
    runs = {"fast": seen(None, None), "slow": seen(2.0, 1.0)}
    assert Figure(run="fast", metric="train_loss", above="slow").holds(runs)
    assert not Figure(run="fast", metric="train_loss", below=9e9).holds(runs)


def test_twelve_lessons_come_with_the_service_in_their_order() -> None:
    names = [name for name, _ in lessons_in()]
    assert len(names) == 12
    assert (names[0], names[5], names[-1]) == ("bias", "step-size", "seeds")


def test_a_lesson_whose_file_has_another_name_and_a_folder_that_is_none_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("13-my-idea.yaml", "My Idea.yaml", "notes.txt"):
        (tmp_path / name).touch()
    assert [name for name, _ in lessons_in(tmp_path)] == ["my-idea"]
    assert list(lessons_in(tmp_path / "none")) == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "My Idea.yaml is left out" in caplog.messages[0]
    assert "13-my-idea.yaml" in caplog.messages[0]
    assert str(tmp_path / "none") in caplog.messages[1]


def test_a_file_that_is_no_lesson_is_refused_with_its_name_and_the_field(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("title: Only a title\n")
    with pytest.raises(BadSpecFileError, match=r"mine\.yaml is no lesson: idea: "):
        read(file)
