/**
 * Keep the focus in a box: what has it may go or be disabled, such as a button that has done its work. Then the nearest part
 * of the view that is still there has it, not the whole document: whoever has no mouse goes on where they were.
 */
export function keepsFocus(box: HTMLElement): () => void {
  /** What had the focus last, and what it is in, from within; empty when the focus is elsewhere. */
  let around: readonly HTMLElement[] = [];

  function follow({ target }: FocusEvent): void {
    around = target instanceof HTMLElement && box.contains(target) ? [...upTo(box, target)] : [];
  }

  const changes = new MutationObserver(() => {
    const [last, ...outer] = around;
    if (last === undefined || (last.isConnected && !last.matches(":disabled"))) return;
    if (document.activeElement !== document.body && document.activeElement !== last) return;
    const place = outer.find((one) => one.isConnected);
    if (place === undefined) return;
    if (!place.hasAttribute("tabindex")) {
      place.tabIndex = -1;
      place.addEventListener("blur", () => place.removeAttribute("tabindex"), { once: true });
    }
    place.focus({ preventScroll: true });
  });

  document.addEventListener("focusin", follow);
  changes.observe(box, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
  return () => {
    document.removeEventListener("focusin", follow);
    changes.disconnect();
  };
}

function* upTo(box: HTMLElement, from: HTMLElement): Generator<HTMLElement> {
  for (let one: HTMLElement | null = from; one !== null; one = one.parentElement) {
    yield one;
    if (one === box) return;
  }
}
