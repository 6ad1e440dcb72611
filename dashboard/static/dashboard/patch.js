// What is read again is written into what is there (hx-swap="patch"): elements stay, so that scroll, focus and layout do, and only what
// differs is touched. A list keeps its lines in place and changes what they say. What somebody selects in, and the rows that somebody
// points at or stands in (data-holds), wait until they are left.
"use strict";
(() => {
  const HELD = "[data-holds]:hover, [data-holds]:focus-within";
  const waiting = new Set(); // What is read again once nobody selects in it.
  const held = new Set(); // Parts that a reading left as they were.

  const isSelectedIn = (element) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(element, true);
  };

  // A part keeps its element while its kind, the first of its classes, is the same: what comes before it may come and go.
  const kindOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? `${node.nodeName} ${node.classList.item(0)}` : node.nodeName);
  const isSameKind = (old, fresh) => kindOf(old) === kindOf(fresh);

  function patchAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  function patchChildren(old, fresh) {
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      if (at && isSameKind(at, next)) {
        const following = at.nextSibling;
        patch(at, next);
        at = following;
      } else {
        old.insertBefore(next, at);
      }
    }
    while (at) {
      const following = at.nextSibling;
      at.remove();
      at = following;
    }
  }

  function patch(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
    } else if (old.matches(HELD)) {
      held.add(old);
    } else if (!old.isEqualNode(fresh)) {
      patchAttributes(old, fresh);
      patchChildren(old, fresh);
    }
  }

  htmx.defineExtension("patch", {
    isInlineSwap: (style) => style === "patch",
    handleSwap(style, target, fragment) {
      if (style !== "patch") return false;
      if (isSelectedIn(target)) waiting.add(target);
      else patchChildren(target, fragment);
      return [target];
    },
  });

  function letGo() {
    for (const part of held) {
      if (part.matches(HELD)) continue;
      held.delete(part);
      part.closest("[hx-swap=patch]")?.dispatchEvent(new Event("stale"));
    }
  }

  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, letGo);
  document.addEventListener("selectionchange", () => {
    for (const target of waiting) {
      if (isSelectedIn(target)) continue;
      waiting.delete(target);
      target.dispatchEvent(new Event("stale"));
    }
  });
})();
