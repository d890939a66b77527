"""Each command, as a user types it on a terminal of 80 columns, against the API."""

import io
import json
import re
import shlex
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from epochal.cli import job_ids
from epochal.cli import progress as cli_progress
from epochal.client import Api
from spec.access import Quotas
from spec.states import FailureReason, StopReason
from store.users import UserStore

from .conftest import WIDTH, Commands

FULL = 36
SHORT = 8


def listed(shown: str) -> list[str]:
    """The first words of the lines of a table."""
    return [line.split()[0] for line in shown.splitlines()[1:]]


# --- which job is meant -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("meant", ["id", "end", "beginning", "name", "@last~1"])
def test_a_job_is_meant_by_its_id_an_end_of_it_its_name_or_its_place(epochal: Commands, meant: str) -> None:
    older, newer = epochal.service.submit(name="older"), epochal.service.submit(name="newer")
    given = {"id": older, "end": older[-SHORT:], "beginning": older[:23], "name": "older", "@last~1": "@last~1"}[meant]
    assert json.loads(epochal("show", given, "--json").out)["id"] == older
    assert json.loads(epochal("show", "@last", "--json").out)["id"] == newer


def test_when_several_jobs_fit_they_are_listed_and_the_exit_code_is_2(epochal: Commands) -> None:
    ids = [epochal.service.submit(name="twin"), epochal.service.submit(name="twin")]
    ran = epochal("cancel", "twin")
    assert ran.code == 2
    assert "twin fits 2 jobs" in ran.err
    for job_id in ids:
        assert f"{job_id[-SHORT:]}  twin  queued" in ran.err
    assert {json.loads(epochal("show", one, "--json").out)["status"] for one in ids} == {"queued"}


@pytest.mark.parametrize("given", ["nothing", "abcd1234", "@last", "@last~3", "@latest"])
def test_a_job_that_does_not_exist_exits_1(epochal: Commands, given: str) -> None:
    ran = epochal("show", given)
    assert (ran.code, given in ran.err) == (1, True)


def test_the_shell_completes_short_ids_and_names(epochal: Commands) -> None:
    job_id = epochal.service.submit(name="wide")
    assert list(job_ids.complete("wi")) == [("wide", "queued")]
    assert list(job_ids.complete(job_id[-SHORT:][:3])) == [(job_id[-SHORT:], "wide, queued")]


# --- lists ------------------------------------------------------------------------------------------------------------


def test_lists_have_short_ids_and_names_first_and_the_best_metrics_in_80_columns(epochal: Commands) -> None:
    job_id = epochal.done(val_loss=0.123, name="a network with a name that is far too long for a list of 80 columns")
    shown = epochal("jobs").out
    assert max(map(len, shown.splitlines())) <= WIDTH
    line = shown.splitlines()[1]
    assert line.startswith(f"{job_id[-SHORT:]}  a network with")
    for part in ("succeeded", "3/3", "0.123", "87.7 %"):
        assert part in line


def test_a_submit_that_is_repeated_with_its_key_is_one(epochal: Commands, tmp_path: Path) -> None:
    several = tmp_path / "jobs.json"
    several.write_text(json.dumps([{"dataset": "xor", "seed": seed} for seed in range(2)]))
    for given in (("--dataset", "xor"), (str(several),), ("--dataset", "xor", "--lr", "0.1,0.01")):
        first, again = (epochal("submit", *given, "--key", f"words-{len(given)}") for _ in range(2))
        assert (first.code, first.out) == (0, again.out)
        assert epochal("submit", *given).out != first.out
    changed = epochal("submit", "--dataset", "iris", "--key", "words-2")
    assert (changed.code, "was used before, with another body" in changed.err) == (2, True)


def test_jobs_of_several_states_are_listed(epochal: Commands) -> None:
    done, waits = epochal.done(), epochal.service.submit()
    epochal("cancel", epochal.service.submit())
    assert epochal("jobs", "--status", "succeeded,queued", "--ids").out.split() == [waits, done]


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("created", ["poor", "good", "fair", "waits"]),
        ("name", ["fair", "good", "poor", "waits"]),
        ("val_loss", ["good", "fair", "poor", "waits"]),
        ("val_accuracy", ["good", "fair", "poor", "waits"]),
        ("status", ["waits", "poor", "good", "fair"]),
        ("queue", ["waits"]),
    ],
)
def test_jobs_are_sorted_by_a_metric_the_best_first(epochal: Commands, key: str, order: list[str]) -> None:
    for name, loss in (("fair", 0.3), ("good", 0.1), ("poor", 0.6)):
        epochal.done(name=name, val_loss=loss)
    ids = {view["name"]: view["id"] for view in json.loads(epochal("jobs", "--json").out)}
    ids["waits"] = epochal.service.submit(name="waits")
    order = ["waits", *order[:-1]] if key == "created" else order
    assert listed(epochal("jobs", "--sort", key).out) == [ids[name][-SHORT:] for name in order]


def test_a_key_that_no_job_has_is_refused_with_those_that_they_have(epochal: Commands) -> None:
    epochal.done()
    ran = epochal("jobs", "--sort", "val_r2")
    assert ran.code == 2
    assert "--sort val_r2" in ran.err
    assert "created, name, status, queue, train_loss, val_accuracy, val_loss" in ran.err


def test_a_list_that_ends_at_its_limit_says_that_there_may_be_more(epochal: Commands) -> None:
    ids = [epochal.service.submit() for _ in range(2)][::-1]
    ran = epochal("jobs", "--limit", "2", "--ids")
    assert (ran.out.split(), "there may be more: raise --limit" in ran.err) == (ids, True)
    assert epochal("jobs", "--limit", "3").err == ""


def test_a_list_in_a_pipe_is_rows_and_with_ids_ids_only(epochal: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = epochal.service.submit(name="mine")
    for module in ("console", "jobs"):
        monkeypatch.setattr(f"epochal.cli.{module}.screen", Console(file=io.StringIO()))
    assert epochal("jobs").out.startswith(f"{job_id}\tmine\tqueued\t")
    assert epochal("jobs", "--ids").out == f"{job_id}\n"
    assert json.loads(epochal("jobs", "--ids", "--json").out) == {"ids": [job_id]}


# --- submit, check, clone ---------------------------------------------------------------------------------------------


def test_short_flags_and_commas_make_a_job(epochal: Commands) -> None:
    ran = epochal("submit", "--dataset", "digits", "--hidden", "64,32", "--lr", "0.01")
    assert (ran.code, len(ran.out.strip())) == (0, FULL)
    spec = json.loads(epochal("show", "@last", "--json").out)["spec"]
    assert (spec["architecture"]["hidden"], spec["learning_rate"]) == ([64, 32], 0.01)


def test_a_check_says_what_the_job_would_be_and_submits_nothing(epochal: Commands) -> None:
    ran = epochal("check", "--dataset", "digits", "--hidden", "64", "--device", "cuda")
    assert ran.code == 0
    for part in ("1,438 training, 359 validation", "4,810", "memory", "nothing was submitted"):
        assert part in ran.out
    assert "Warning: " in ran.err
    assert "worker" in ran.err
    assert epochal.service.stored() == 0


def test_several_jobs_are_checked_together(epochal: Commands, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("jobs: [{dataset: xor, name: first}, {dataset: iris}]")
    ran = epochal("check", str(tmp_path / "jobs.yaml"))
    assert listed(ran.out) == ["0", "1"]
    assert "first" in ran.out
    answers = json.loads(epochal("check", str(tmp_path / "jobs.yaml"), "--json").out)
    assert [answer["train_rows"] for answer in answers] == [320, 120]


def test_a_wrong_value_names_the_field_the_flag_and_what_is_allowed(epochal: Commands) -> None:
    ran = epochal("check", "--dataset", "digits", "--lr", "-1", "--hidden", "64,0")
    assert ran.code == 2
    assert "learning_rate (--learning-rate or --lr): must be greater than 0" in ran.err
    assert "architecture.hidden.1 (--hidden): must be at least 1" in ran.err


def test_a_clone_is_the_job_with_changes(epochal: Commands) -> None:
    epochal("submit", "--dataset", "digits", "--hidden", "64", "--name", "base", "--tags", "a=b", "--patience", "5")
    ran = epochal("clone", "base", "--lr", "0.5", "--optimizer", "sgd")
    assert ran.code == 0, ran.err
    job = json.loads(epochal("show", "@last", "--json").out)
    assert job["id"] == ran.out.strip()
    assert (job["name"], job["tags"]) == ("base, optimizer sgd, learning_rate 0.5", {"a": "b"})
    spec = job["spec"]
    assert (spec["architecture"]["hidden"], spec["learning_rate"], spec["patience"]) == ([64], 0.5, 5)
    assert spec["optimizer"]["type"] == "sgd"
    assert epochal("clone", "@last", "--name", "other").code == 0
    assert json.loads(epochal("show", "other", "--json").out)["spec"]["learning_rate"] == 0.5


def test_a_data_file_is_refused_with_the_commands_that_upload_it(epochal: Commands, tmp_path: Path) -> None:
    file = tmp_path / "my data.csv"
    file.write_text("age,city,price\n1,Oslo,2\n")
    ran = epochal("submit", "--dataset", str(file))
    assert ran.code == 2
    assert f"epochal datasets upload '{file}' --target COLUMN" in ran.err
    assert "age,city,price" in ran.err


def test_a_data_set_may_be_named_in_a_job(epochal: Commands, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("age,kind\n" + "".join(f"{age},{'ab'[age % 2]}\n" for age in range(40)))
    uploaded = epochal("datasets", "upload", str(tmp_path / "people.csv"), "--target", "kind")
    dataset = uploaded.out.strip()
    assert uploaded.code == 0, uploaded.err
    for given in ("people", dataset[:11], dataset[-8:]):
        assert epochal("submit", "--dataset", given).code == 0
        assert json.loads(epochal("show", "@last", "--json").out)["spec"]["dataset"]["id"] == dataset
    assert listed(epochal("datasets", "list").out) == [dataset[:11]]
    wrong = epochal("submit", "--dataset", "persons")
    assert wrong.code == 2
    assert "dataset (--dataset): must be one of xor" in wrong.err


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (['{"age": ["-999", "-9"]}'], [20, 0]),
        (["-999,-9"], [20, 20]),
        (["-999", "-9,-7"], [20, 20]),
    ],
)
def test_words_for_a_missing_value_are_a_list_or_of_one_column(
    epochal: Commands, tmp_path: Path, given: list[str], missing: list[int]
) -> None:
    rows = (f"{[age, -999, age, -9][age % 4]},{[age, -9][age % 2]},{'ab'[age // 2 % 2]}\n" for age in range(40))
    (tmp_path / "people.csv").write_text("age,size,kind\n" + "".join(rows))
    words = [f"--na-values={text}" for text in given]
    ran = epochal("datasets", "upload", str(tmp_path / "people.csv"), "--target", "kind", *words, "--json")
    assert ran.code == 0, ran.err
    assert [column["missing"] for column in json.loads(ran.out)["columns"]] == missing


def test_words_among_numbers_are_refused_with_the_command_that_reads_them(
    epochal: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (f"{'<18' if age == 9 else age},{'tall?' if age == 7 else age},{'ab'[age % 2]}\n" for age in range(40))
    (tmp_path / "my people.csv").write_text("age,size,kind\n" + "".join(rows))
    command = ["datasets", "upload", str(tmp_path / "my people.csv"), "--target", "kind", "--na-values", "tall?"]
    monkeypatch.setattr("sys.argv", ["epochal", *command])
    refused = epochal(*command)
    assert refused.code == 2
    assert "Again, with these words as missing values:" in refused.err
    again = shlex.split(refused.err.splitlines()[-1])
    assert again == ["epochal", *command[:-2], '--na-values=["tall?", "<18"]']
    assert epochal(*again[1:]).code == 0


# --- results ----------------------------------------------------------------------------------------------------------


def test_jobs_are_compared_by_what_differs_in_80_columns(epochal: Commands) -> None:
    first = epochal.done(name="narrow", val_loss=0.5, architecture={"type": "mlp", "hidden": [8]})
    second = epochal.done(name="wide", val_loss=0.25, architecture={"type": "mlp", "hidden": [64, 64]}, seed=3)
    shown = epochal("compare", "narrow", "wide").out
    assert max(map(len, shown.splitlines())) <= WIDTH
    rows = {name: cells for name, *cells in (re.split(" {2,}", line.strip()) for line in shown.splitlines())}
    assert rows["job"] == [first[-SHORT:], second[-SHORT:]]
    assert rows["architecture.hidden"] == ["8", "64, 64"]
    assert rows["seed"] == ["0", "3"]
    assert rows["val_accuracy"] == ["50.0 %", "75.0 %"]
    assert rows["val_loss by epoch"] == ["█▅▁", "█▄▁"]
    assert "learning_rate" not in rows
    asked = json.loads(epochal("compare", "narrow", "wide", "--json").out)
    assert asked["fields"] == {"architecture.hidden": [[8], [64, 64]], "seed": [0, 3]}
    assert epochal("compare", "narrow").code == 2


def test_an_outcome_is_one_sentence_and_no_sentence_is_printed_twice(epochal: Commands) -> None:
    job_id = epochal.done(stopped=StopReason.early_stopping, epochs=45, patience=10)
    for shown in (epochal("show", job_id).out, epochal("watch", job_id).err):
        text = " ".join(shown.split())
        assert text.count("Early stopping at epoch 45: val_loss did not improve for 10 epochs.") == 1
        assert text.count("validation accuracy 75.0 %") <= 2  # the best epoch's; and the last one's in `show`
        assert text.count("without overfitting") <= 1


def test_a_bar_ends_where_training_stopped_early_and_fits_80_columns(epochal: Commands) -> None:
    job_id = epochal.done(stopped=StopReason.early_stopping, epochs=45, patience=10, name="a long name of a job")
    shown = epochal("watch", job_id).err.partition("Early stopping at epoch")[0]
    assert " 45/100 train 0.25  val 0.25  early stopping" in shown
    assert max(map(len, re.split(r"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]", shown))) <= WIDTH
    assert "45/45" not in shown


def test_ctrl_c_says_that_the_job_goes_on_and_what_to_do(epochal: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = epochal.service.submit()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_progress, "follow", interrupted)
    ran = epochal("watch", job_id)
    assert ran.code == 130
    end = job_id[-SHORT:]
    assert f"The job goes on. `epochal watch {end}` shows it again, `epochal cancel {end}` stops it." in ran.err


def test_a_failed_job_exits_1_and_says_how_to_try_again(epochal: Commands) -> None:
    job_id = epochal.service.run()
    epochal.service.store.fail(job_id, 1, reason=FailureReason.error, message="The trainer broke.")
    ran = epochal("watch", job_id)
    assert ran.code == 1
    assert "Failed after 0 epochs: The trainer broke." in ran.err
    assert f"`epochal retry {job_id[-SHORT:]}` tries again." in ran.err


# --- changes ----------------------------------------------------------------------------------------------------------


def test_failed_jobs_are_retried_together(epochal: Commands) -> None:
    ids = [epochal.service.run() for _ in range(2)]
    for job_id in ids:
        epochal.service.store.fail(job_id, 1, reason=FailureReason.error, message="The trainer broke.")
    waits = epochal.service.submit()
    ran = epochal("retry", *ids, waits)
    assert (ran.code, [line.split()[-1] for line in ran.out.splitlines()]) == (1, ["queued", "queued"])
    assert f"epochal: {waits[-SHORT:]}: A job that is queued cannot be retried" in ran.err


def test_jobs_that_have_ended_are_deleted(epochal: Commands) -> None:
    done, waits = epochal.done(), epochal.service.submit(name="waits")
    assert epochal("delete", done).out == f"{done[-SHORT:]} deleted\n"
    refused = epochal("delete", "waits")
    assert refused.code == 1
    assert "A job that is queued cannot be deleted: cancel it first." in refused.err
    assert epochal.service.stored() == 1
    assert epochal("show", done).code == 1
    assert epochal("show", waits).code == 0


def test_of_several_jobs_those_that_refuse_are_named_and_the_others_are_changed(epochal: Commands) -> None:
    done, *waits = epochal.done(), epochal.service.submit(name="a"), epochal.service.submit(name="b")
    for command, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        ran = epochal(command, waits[0], done, waits[1])
        named = [f"{job_id[-SHORT:]} {name}: {state}" for job_id, name in zip(waits, "ab", strict=True)]
        assert (ran.code, ran.out.splitlines()) == (1, named)
        assert ran.err.startswith(f"epochal: {done[-SHORT:]}: ")
    other = epochal.service.submit()
    ran = epochal("delete", other, done, waits[0], "--json")
    assert (ran.code, json.loads(ran.out)) == (1, {"deleted": [done, waits[0]]})
    assert other[-SHORT:] in ran.err


def test_changes_name_the_job_shortly(epochal: Commands) -> None:
    job_id = epochal.service.submit(name="mine")
    assert epochal("pause", "mine").out == f"{job_id[-SHORT:]} mine: paused\n"
    assert epochal("resume", "@last").out == f"{job_id[-SHORT:]} mine: queued\n"
    assert epochal("priority", job_id[-SHORT:], "7").code == 0
    assert epochal("cancel", "mine").out == f"{job_id[-SHORT:]} mine: cancelled\n"


def test_quotas_show_what_is_used_of_them(epochal: Commands) -> None:
    service = epochal.service
    UserStore(service.engine).change("ann", quotas=Quotas(queued=5, gpu_hours=2.5))
    service.submit()
    [ann] = json.loads(epochal("quotas", "--json").out)
    assert (ann["name"], ann["used"]["queued"], ann["quotas"]["queued"]) == ("ann", 1, 5)
    shown = epochal("quotas").out
    for cell in ("user", "ann", "1 of 5", "0.00 of 2.5", "0 B of 17.2 GB"):
        assert cell in shown


def test_a_quota_that_is_not_named_stays(epochal: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    root = epochal.service.tokens.create(owner="root", scopes=["jobs:read", "jobs:write", "admin"])
    transport = httpx.WSGITransport(app=epochal.service.app)
    monkeypatch.setattr("epochal.cli.people.Api", lambda: Api("http://localhost", root, transport=transport))
    assert epochal("project", "create", "vision").code == 0
    for verb, name in (("user", "ann"), ("project", "vision")):
        assert epochal(verb, "quota", name, "--running", "4", "--gpu-hours", "2.5").code == 0
        assert epochal(verb, "quota", name, "--bytes", "1000").out == f"{name}: running 4, gpu hours 2.5, bytes 1000\n"
        assert epochal(verb, "quota", name, "--running", "none").out == f"{name}: gpu hours 2.5, bytes 1000\n"
        ran = epochal(verb, "quota", name, "--queued=-1")
        assert (ran.code, "or none" in ran.err) == (2, True)
