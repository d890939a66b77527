"""The page as a person meets it: from a file to a model, in a browser, by keyboard, with nothing but the page."""

import re
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.hands import Keyboard

from .embedded import ROOT, Embedded
from .test_images import npz, pictures
from .walking import SCREENS, SLOW_MS, go, look, signed_in

pytestmark = pytest.mark.browser


COLUMNS = ("progress", "data", "network", "lr", "optimizer", "activation", "seed", "project", "tags", "device")
"""More than a desk has space for: the name stays."""


def written(folder: Path, width: int) -> Path:
    """A file as a German spreadsheet writes it; 60 rows are too few for 256 neurons. `code` looks like a number."""
    lines = ["Alter;Einkommen.brutto;code;Risiko"]
    for i in range(60):
        age, income = 20 + (i * 7) % 50, 1000 + (i * 379) % 4000
        high = (age < 40) != (i % 5 == 0)
        lines.append(f"{age},5;{income},25;{1 + i % 3};{'hoch' if high else 'tief'}")
    file = folder / f"kredit-{width}.csv"
    file.write_text("\n".join([f"{lines[0]}{' ' * (width == 375)}", *lines[1:]]) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_from_a_file_to_a_model(stack: Embedded, browser: Browser, tmp_path: Path, width: int, theme: str) -> None:
    with signed_in(browser, stack, width, theme) as seen:
        do, field = Keyboard(seen), seen.get_by_label
        button, link = partial(seen.get_by_role, "button"), partial(seen.get_by_role, "link")
        look(seen)
        jump(seen, "Data sets")
        do.give(field("Choose a file"), written(tmp_path, width))
        expect(field("To be predicted")).to_have_value("Risiko")
        look(seen)
        do.press(button(name="Upload", exact=True))

        expect(field("Type of Einkommen.brutto")).to_have_value("number", timeout=SLOW_MS)
        expect(field("First rows, as they were read").get_by_role("cell", name="20.5", exact=True)).to_be_visible()
        look(seen)
        do.choose(field("Type of code"), "category")
        do.press(button(name="Read again, corrected"))
        expect(seen.get_by_text("version 2", exact=True)).to_be_visible(timeout=SLOW_MS)
        expect(field("Type of code")).to_have_value("category")

        do.press(link(name="Train on it"))
        do.write(field("neurons of layer 1"), "256")
        do.write(field("neurons of layer 2"), "256")
        do.write(field("Learning rate"), "-1")
        fault = seen.get_by_text(re.compile("^Learning rate must be greater"))
        expect(fault).to_have_count(2, timeout=SLOW_MS)  # at its control, and in the list of all
        look(seen)
        do.write(field("Learning rate"), "0.01")
        do.write(field("Epochs"), "200")
        do.write(field("Name", exact=True), f"kredit {width}")
        do.press(button(name="Train", exact=True))

        verdict = seen.get_by_role("region", name="Verdict")
        expect(verdict).to_contain_text("Overfit", timeout=SLOW_MS)
        expect(seen.get_by_role("img", name=re.compile("^loss by epoch, 200 epochs"))).to_be_visible()
        look(seen)
        do.press(verdict.get_by_role("button", name="Try the suggestion"))
        expect(link(name="Compare with before")).to_be_visible()
        expect(verdict).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_text("succeeded").first).to_be_visible()

        predict(seen, do)
        with seen.expect_download() as download:
            do.press(link(name="ONNX"))
        assert download.value.suggested_filename.endswith(".onnx")

        do.press(link(name="Compare with before"))
        expect(seen.get_by_text("2 jobs", exact=True)).to_be_visible()
        expect(seen.get_by_role("region", name="What differs")).to_contain_text(f"kredit {width}")
        look(seen)
        go(seen, do, "Cluster")
        expect(seen.get_by_role("heading", name="Workers")).to_be_visible()
        look(seen)
        jump(seen, "Jobs")
        add_columns(seen, do, f"kredit {width}")
        open_a_link_that_was_cut(seen)
        lose_the_connection(seen)


@pytest.mark.thorough
@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_from_images_to_a_prediction(stack: Embedded, browser: Browser, tmp_path: Path, width: int, theme: str) -> None:
    with stack.http() as http:
        images = http.post("/datasets", files={"file": ("squares.npz", npz(*pictures(60, seed=3)))}).json()["id"]
    with signed_in(browser, stack, width, theme) as seen:
        do, button = Keyboard(seen), partial(seen.get_by_role, "button")
        seen.goto(f"{stack.endpoints.api}/#/datasets/{images}")
        expect(seen.get_by_role("img", name=re.compile("^red, row"))).to_have_count(4)
        expect(seen.get_by_text(re.compile("^images of 12 . 10 . 3 pixels$"))).to_be_visible()
        look(seen)
        do.press(seen.get_by_role("link", name="Train on it"))
        do.press(button(name="cnn", exact=True))
        for size in ("^12 . 10 . 3$", "^6 . 5 . 8$", "^3 . 2 . 16$"):
            expect(seen.get_by_text(re.compile(size))).to_be_visible()
        do.press(seen.get_by_text("Some images of the data set"))
        expect(seen.get_by_role("img", name=re.compile("^blue, row"))).to_have_count(4)
        look(seen)
        do.write(seen.get_by_label("Epochs"), "3")
        do.press(button(name="Train", exact=True))
        expect(seen.get_by_text("Or choose an image of the data set")).to_be_visible(
            timeout=SLOW_MS
        )  # once it has trained
        do.press(seen.get_by_text("Or choose an image of the data set"))
        do.press(button(name=re.compile("^red, row")).first)
        expect(seen.get_by_text(re.compile("^In the data set it is red"))).to_be_visible(timeout=SLOW_MS)
        given = [picture_file(tmp_path / f"{name}.png", colour) for name, colour in (("a", "red"), ("b", "blue"))]
        (tmp_path / "c.png").write_text("no picture")
        seen.get_by_label("Choose pictures").set_input_files([*given, tmp_path / "c.png"])
        predicted = seen.get_by_role("region", name="Predict images")
        expect(predicted.get_by_text("4 images", exact=True)).to_be_visible(timeout=SLOW_MS)
        for name in ("a.png", "b.png"):
            one = predicted.get_by_role("listitem").filter(has=seen.get_by_label(f"Remove {name}"))
            expect(one.get_by_text("%")).to_have_count(3)
        expect(predicted.get_by_role("alert")).to_contain_text("file is no image that can be read")
        do.press(button(name="Remove c.png"))
        expect(predicted.get_by_role("alert")).to_have_count(0)
        look(seen)


def picture_file(file: Path, colour: str) -> Path:
    """A picture that is larger than the images of the data set."""
    Image.new("RGB", (90, 120), colour).save(file)
    return file


def predict(seen: Page, do: Keyboard) -> None:
    """The answer for a row is there until that is another row."""
    answer = seen.get_by_role("region", name="Predict a row").get_by_text(re.compile("^(hoch|tief)$"))
    do.write(seen.get_by_label("Alter"), "25,5")
    do.press(seen.get_by_role("button", name="Predict"))
    expect(answer.first).to_be_visible(timeout=SLOW_MS)
    do.write(seen.get_by_label("Einkommen.brutto"), "viel")
    do.press(seen.get_by_role("button", name="Predict"))
    expect(seen.get_by_text("Einkommen.brutto must be a number; it is 'viel'")).to_be_visible(timeout=SLOW_MS)
    do.write(seen.get_by_label("Einkommen.brutto"), "2000")
    do.press(seen.get_by_role("button", name="Predict"))
    expect(answer.first).to_be_visible(timeout=SLOW_MS)
    do.write(seen.get_by_label("Alter"), "60")
    expect(answer).to_have_count(0)
    await_pictures(seen, do)


def await_pictures(seen: Page, do: Keyboard) -> None:
    """Pictures that come late move no field away from whoever fills it in."""
    late: list[Route] = []

    def hold(request: Route) -> None:
        late.append(request)

    seen.route("**/pictures", hold, times=1)
    with seen.expect_request("**/pictures"):
        seen.reload()
    field = seen.get_by_label("Alter")
    do.reach(field)
    before = field.bounding_box()
    late[0].continue_()
    expect(seen.get_by_role("region", name="Confusion matrix")).to_be_attached(timeout=SLOW_MS)
    assert field.bounding_box() == before


def add_columns(seen: Page, do: Keyboard, name: str) -> None:
    """The names of jobs are seen beside more columns than there is space for; a telephone shows but two."""
    visit(seen, "/jobs?" + "&".join(f"column={one}" for one in COLUMNS))
    wide = (seen.viewport_size or {"width": 0})["width"] > 640
    expect(seen.get_by_role("columnheader", name="Device")).to_have_count(int(wide))
    do.reach(seen.get_by_role("link", name=name).first)
    look(seen)


def open_a_link_that_was_cut(seen: Page) -> None:
    """A form says that its link holds nothing, and begins anew."""
    visit(seen, "/new?spec=3")
    expect(seen.get_by_text("This link holds nothing that can be read")).to_be_visible()
    expect(seen.get_by_label("Epochs")).to_have_value("100")


def lose_the_connection(seen: Page) -> None:
    """What did not come while it was away comes by itself: what a view asks for, and the file of one."""
    for view, said in (("Cluster", "The API does not answer"), ("Playground", "This view could not be loaded")):
        seen.context.set_offline(True)
        visit(seen, f"/{view.lower()}")
        expect(seen.get_by_text(said)).to_be_visible()
        seen.context.set_offline(False)
        expect(seen.get_by_text(said)).to_have_count(0)
        expect(seen.get_by_role("heading", level=1)).to_have_text(view)


def visit(seen: Page, address: str) -> None:
    """Follow a link to an address."""
    seen.evaluate("hash => { location.hash = hash; }", address)


def jump(seen: Page, view: str) -> None:
    """Open a view by the palette, whose first keys may come before it is there."""
    seen.keyboard.press("Control+k")
    seen.keyboard.type(view)
    expect(seen.get_by_role("dialog").get_by_role("option", selected=True)).to_have_text(
        re.compile(view, re.IGNORECASE)
    )
    seen.keyboard.press("Enter")
    expect(seen.get_by_role("heading", level=1)).to_have_text(view)


def test_the_first_load_is_small() -> None:
    """What index.html names, compressed, is loaded at once; charts and views come when they are opened."""
    static = ROOT / "api" / "static"
    index = (static / "index.html").read_text(encoding="utf-8")
    first = [static / name for name in re.findall(r"/static/(assets/[^\"]+\.(?:js|css))", index)]
    assert first, "run: make install"
    assert sum(path.with_name(f"{path.name}.br").stat().st_size for path in first) < 100_000
    assert sum(path.stat().st_size for path in static.rglob("*.br")) < 600_000
