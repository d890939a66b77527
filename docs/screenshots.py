"""The documentation's pictures of the page, with real data: `make screenshots` writes docs/pictures/.

It starts a stack of its own, trains, and looks at each view. A new picture is one line in `PICTURES`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from PIL import Image
from playwright.sync_api import Page

from epochal.cli.stack import sign_in_link
from tests.acceptance.embedded import Embedded, await_value
from tests.browser import page

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000
COLOURS = 128
"""A page needs no more, and is a third of the size."""

PICTURES: Mapping[str, tuple[str, str, str]] = {
    # name: the view's address, what is there once it is drawn, the theme
    "job": ("/jobs/{overfit}", "[aria-label='Decision boundary'] canvas", "light"),
    "jobs": ("/jobs", "tbody tr:nth-child(5)", "light"),
    "new": ("/new?from={overfit}", "text=Parameters", "light"),
    "compare": ("/compare?ids={overfit},{overfit-dropout}", "canvas", "light"),
    "sweep": ("/sweeps/{sweep}", "canvas", "light"),
    "datasets": ("/datasets/{dataset}", "text=age", "light"),
    "playground": ("/playground?data=spirals&layers=8-8&epochs=200", "role=button[name='Play']", "dark"),
    "lesson": ("/lessons/overfitting", "role=button[name='Run it']", "light"),
    "cluster": ("/cluster", "text=Workers", "dark"),
    "people": ("/people", "[aria-labelledby=audit-title] tbody tr", "light"),
}


def train(stack: Embedded) -> dict[str, str]:
    """Train what the pictures show; the ids of jobs by their names, and of the sweep and the data set."""
    ids: dict[str, str] = {}
    with stack.http() as api:

        def made(path: str, **body: Any) -> dict[str, Any]:
            answer = api.post(path, **body)
            found: dict[str, Any] = answer.raise_for_status().json()
            return found

        for user, role in (("ada", "member"), ("grace", "member"), ("alan", "viewer")):
            made("/users", json={"name": user, "role": role, "quotas": {"running": 8, "gpu_hours": 40}})
        made("/projects", json={"name": "vision"})
        api.patch("/projects/vision", json={"quotas": {"queued": 500, "gpu_hours": 100}}).raise_for_status()
        for user, role in (("ada", "admin"), ("alan", "viewer")):
            api.put(f"/projects/vision/members/{user}", json={"role": role}).raise_for_status()
        sweep = yaml.safe_load((ROOT / "examples" / "sweep_random.yaml").read_text(encoding="utf-8"))
        ids["sweep"] = made("/sweeps", json=sweep)["id"]
        file = ROOT / "examples" / "diabetes.csv"
        ids["dataset"] = made(
            "/datasets",
            data={"target": "progression", "name": "diabetes"},
            files={"file": (file.name, file.read_bytes())},
        )["id"]
        for example in ("spirals", "digits", "overfit"):
            jobs = yaml.safe_load((ROOT / "examples" / f"{example}.yaml").read_text(encoding="utf-8"))
            for job in jobs if isinstance(jobs, list) else [jobs]:
                ids[job["name"]] = made("/jobs", json=job)["id"]
        await_value(lambda: api.get(f"/sweeps/{ids['sweep']}").json()["state"] == "finished", within_s=600)
        for job in ("overfit", "overfit-dropout", "digits"):
            await_value(lambda job=job: api.get(f"/jobs/{ids[job]}").json()["status"] == "succeeded", within_s=600)
    return ids


def draw(seen: Page, name: str, address: str, ready: str, theme: str) -> None:
    """Look at one view and keep what is seen."""
    seen.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    seen.goto(address)
    seen.locator(ready).first.wait_for()
    if name == "playground":
        seen.get_by_role("button", name="Play").first.click()
        seen.get_by_text("Trained", exact=True).wait_for(timeout=300_000)
    if name == "people":
        seen.locator("#quotas-title").evaluate("title => title.scrollIntoView()")  # what is used, and who changed what
    seen.evaluate("document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 500)))")
    path = FOLDER / f"{name}.png"
    seen.screenshot(path=path)
    with Image.open(path) as whole:
        small = whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes")


def main(only: frozenset[str]) -> None:
    """Draw the pictures of these names; all, if none is named."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, page() as seen:
        stack = Embedded(Path(folder))
        stack.start()
        try:
            ids = train(stack)
            seen.set_default_timeout(60_000)
            seen.set_viewport_size({"width": 1280, "height": 860})
            seen.goto(sign_in_link(stack.endpoints.api, stack.endpoints.token))
            seen.get_by_role("heading", name="Jobs").wait_for()
            for name, (path, ready, theme) in PICTURES.items():
                if not only or name in only:
                    draw(seen, name, f"{stack.endpoints.api}/#{path.format(**ids)}", ready, theme)
        finally:
            stack.stop()


if __name__ == "__main__":
    main(frozenset(sys.argv[1:]))
