"""The page as a person meets it: from a file to a model, in a browser, with nothing but the page."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .embedded import ROOT, Embedded
from .walking import SLOW_MS, look, signed_in

pytestmark = pytest.mark.browser


def rows() -> str:
    """A file as a German spreadsheet writes it; 60 rows are too few for 256 neurons. `code` looks like a number."""
    lines = ["Alter;Einkommen;code;Risiko"]
    for i in range(60):
        age, income = 20 + (i * 7) % 50, 1000 + (i * 379) % 4000
        high = (age < 40) != (i % 5 == 0)
        lines.append(f"{age},5;{income},25;{1 + i % 3};{'hoch' if high else 'tief'}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (375, "dark")])
def test_from_a_file_to_a_model(stack: Embedded, tmp_path: Path, width: int, theme: str) -> None:
    file = tmp_path / f"kredit-{width}.csv"
    file.write_text(rows().replace("\n", " \n" if width == 375 else "\n", 1), encoding="utf-8")
    with signed_in(stack, width, theme) as seen:
        look(seen)
        seen.goto(f"{stack.endpoints.api}/#/datasets")
        seen.get_by_label("Choose a file").set_input_files(file)
        expect(seen.get_by_label("To be predicted")).to_have_value("Risiko")
        look(seen)
        seen.get_by_role("button", name="Upload", exact=True).click()

        expect(seen.get_by_label("Type of Einkommen")).to_have_value("number", timeout=SLOW_MS)
        expect(seen.get_by_label("Notes")).to_contain_text("decimal mark")
        look(seen)
        seen.get_by_label("Type of code").select_option("category")
        seen.get_by_role("button", name="Read again, corrected").press("Enter")
        expect(seen.get_by_text("version 2", exact=True)).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_label("Type of code")).to_have_value("category")

        seen.get_by_role("link", name="Train on it").press("Enter")
        first = seen.get_by_label("neurons of layer 1")
        first.fill("256")
        seen.get_by_label("neurons of layer 2").fill("256")
        seen.get_by_label("Learning rate").fill("-1")
        expect(seen.get_by_text(re.compile("Learning rate must be greater"))).to_be_visible(timeout=SLOW_MS)
        look(seen)
        seen.get_by_label("Learning rate").fill("0.01")
        seen.get_by_label("Epochs").fill("200")
        seen.get_by_label("Name", exact=True).fill(f"kredit {width}")
        seen.get_by_role("button", name="Train", exact=True).click()

        verdict = seen.get_by_role("region", name="Verdict")
        expect(verdict).to_contain_text("Overfit", timeout=SLOW_MS)
        expect(seen.get_by_role("img", name=re.compile("^loss by epoch, 200 epochs"))).to_be_visible()
        look(seen)
        before = seen.url
        verdict.get_by_role("button", name="Try the suggestion").press("Enter")
        seen.wait_for_url(lambda url: url != before and "/#/jobs/" in url)
        expect(verdict).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_text("succeeded").first).to_be_visible()

        seen.get_by_label("Alter").fill("25,5")
        seen.get_by_role("button", name="Predict").press("Enter")
        expect(seen.get_by_text(re.compile("^(hoch|tief)$")).first).to_be_visible(timeout=SLOW_MS)
        with seen.expect_download() as download:
            seen.get_by_role("link", name="ONNX").click()
        assert download.value.suggested_filename.endswith(".onnx")

        seen.goto(f"{stack.endpoints.api}/#/cluster")
        expect(seen.get_by_role("heading", name="Workers")).to_be_visible()
        look(seen)
        seen.keyboard.press("Control+k")
        expect(seen.get_by_label("Go to", exact=True)).to_be_focused()  # it is loaded when it is first opened
        seen.keyboard.type("jobs")
        seen.keyboard.press("Enter")
        expect(seen.get_by_role("link", name=f"kredit {width}").first).to_be_visible()


def test_the_first_load_is_small() -> None:
    """What index.html names, compressed, is loaded at once; charts and views come when they are opened."""
    static = ROOT / "api" / "static"
    index = (static / "index.html").read_text(encoding="utf-8")
    first = [static / name for name in re.findall(r"/static/(assets/[^\"]+\.(?:js|css))", index)]
    assert first, "run: make install"
    assert sum(path.with_name(f"{path.name}.br").stat().st_size for path in first) < 100_000
    assert sum(path.stat().st_size for path in static.rglob("*.br")) < 600_000
