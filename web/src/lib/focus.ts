/** The elements that this one is in, itself first, as far as `box`; none of an element outside. */
export function around(one: Element | null, box: Element): readonly HTMLElement[] {
  const found: HTMLElement[] = [];
  for (let at = one; at instanceof HTMLElement; at = at.parentElement) {
    found.push(at);
    if (at === box) return found;
  }
  return [];
}

/** Give the focus to the first of these that is still there and is not disabled, also where nobody could otherwise reach it. */
export function focusFirst(places: readonly HTMLElement[]): void {
  const place = places.find((one) => one.isConnected && !one.matches(":disabled"));
  if (place === undefined) return;
  if (place.tabIndex < 0 && !place.hasAttribute("tabindex")) {
    place.tabIndex = -1;
    place.addEventListener("blur", () => place.removeAttribute("tabindex"), { once: true });
  }
  place.focus({ preventScroll: true });
}

/**
 * Keep the focus in a box: what has it may go or be disabled, such as a button that has done its work. Then the nearest part
 * of the view that is still there has it, not the whole document: whoever has no mouse goes on where they were.
 */
export function keepsFocus(box: HTMLElement): () => void {
  /** What had the focus last, and what it is in, from within; empty when the focus is elsewhere. */
  let places: readonly HTMLElement[] = [];

  function follow({ target }: FocusEvent): void {
    places = target instanceof HTMLElement ? around(target, box) : [];
  }

  const changes = new MutationObserver(() => {
    const [last, ...outer] = places;
    if (last === undefined || (last.isConnected && !last.matches(":disabled"))) return;
    if (document.activeElement !== document.body && document.activeElement !== last) return;
    focusFirst(outer);
  });

  document.addEventListener("focusin", follow);
  changes.observe(box, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
  return () => {
    document.removeEventListener("focusin", follow);
    changes.disconnect();
  };
}
