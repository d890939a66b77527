"""How somebody works on a page with the keyboard alone, and what must be seen meanwhile."""

from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

MOST_TABS = 150
"""So many presses of Tab reach everything on a view; whoever needs more is lost."""

PASTED = 30
"""Nobody types a longer text letter by letter."""

FOCUSED = "wanted => wanted === document.activeElement"
AT = """wanted => {
    const at = document.activeElement;
    const place = at.compareDocumentPosition(wanted);
    return {
        there: wanted === at,
        gone: !wanted.isConnected,
        before: at !== document.body && Boolean(place & Node.DOCUMENT_POSITION_PRECEDING),
        said: at.cloneNode().outerHTML.slice(0, 90),
    };
}"""
"""What has the focus, and whether what is wanted lies before it, or was drawn anew."""
RING = """wanted => [wanted, wanted.parentElement, wanted.parentElement?.parentElement].some(one => {
    const style = one && getComputedStyle(one);
    return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
})"""
"""Whether the focus is seen, on what has it or around it."""
COVERED = """wanted => {
    const label = wanted.labels?.[0] ?? wanted;
    const { left, top, right, bottom } = (wanted.offsetWidth === 1 ? label : wanted).getBoundingClientRect();
    const ours = one => one !== null && (wanted.contains(one) || label.contains(one));
    const xs = [left + 3, (left + right) / 2, right - 3], ys = [top + 3, (top + bottom) / 2, bottom - 3];
    return !xs.some(x => ys.some(y => ours(document.elementFromPoint(x, y))));
}"""
"""Whether nothing is seen of what has the focus: it is outside the window, or something lies over it."""


class Keyboard:
    """Tab, Shift, Enter, Space, arrows and letters, and nothing else."""

    def __init__(self, page: Page) -> None:
        self._page = page
        # Chromium is told now that we give files: told just before a key opens the window, it may hear it too late.
        page.on("filechooser", lambda _: None)

    def reach(self, wanted: Locator) -> None:
        """Press Tab until this has the focus, and is seen to have it."""
        expect(wanted).to_be_enabled()
        passed: list[str] = []
        found = wanted.element_handle()  # looked for by its role and name once: that takes longer than a key
        while not (at := found.evaluate(AT))["there"]:
            if at["gone"]:
                found = wanted.element_handle()
                continue
            passed.append(at["said"])
            assert len(passed) <= MOST_TABS, f"Tab does not reach {wanted}; it went over {_said(passed)}"
            self._page.keyboard.press("Shift+Tab" if at["before"] else "Tab")
        assert wanted.evaluate(RING), f"nobody sees that {wanted} has the focus"
        assert not wanted.evaluate(COVERED), f"{wanted} has the focus, and nothing of it is seen"

    def press(self, *wanted: Locator) -> None:
        first, *rest = wanted
        self.reach(first)
        self._page.keyboard.press("Enter")
        for one in rest:  # of a menu that is open now: arrows go through it
            expect(one).to_be_visible()
            for _ in range(MOST_TABS):
                if one.evaluate(FOCUSED):
                    break
                self._page.keyboard.press("ArrowDown")
            self._page.keyboard.press("Enter")

    def write(self, wanted: Locator, text: str) -> None:
        self.reach(wanted)
        self._page.keyboard.press("Control+a")
        if len(text) > PASTED:
            self._page.keyboard.insert_text(text)
        else:
            self._page.keyboard.type(text)

    def choose(self, wanted: Locator, option: str) -> None:
        self.reach(wanted)
        texts = [text.strip() for text in wanted.locator("option").all_text_contents()]
        way = texts.index(option) - int(wanted.evaluate("list => list.selectedIndex"))
        for _ in range(abs(way)):
            self._page.keyboard.press("ArrowDown" if way > 0 else "ArrowUp")
        expect(wanted.locator("option:checked")).to_have_text(option)

    def tick(self, wanted: Locator) -> None:
        self.reach(wanted)
        self._page.keyboard.press("Space")
        expect(wanted).to_be_checked()

    def give(self, wanted: Locator, file: Path) -> None:
        self.reach(wanted)
        with self._page.expect_file_chooser() as chooser:
            self._page.keyboard.press("Enter")
        chooser.value.set_files(file)


def _said(passed: Sequence[str]) -> str:
    return "\n".join(dict.fromkeys(passed))
