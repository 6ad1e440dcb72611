// The page of a session: the tree by keyboard, and a node's turn in sight without a new page where it is loaded already.
"use strict";
(() => {
  const drawing = document.getElementById("tree-drawing");
  let at = 0;

  const nodes = () => [...drawing.querySelectorAll("a")];

  // One stop of the Tab key for the whole tree.
  function settle() {
    nodes().forEach((node, index) => { node.setAttribute("tabindex", index === at ? "0" : "-1"); });
  }

  function move(step) {
    const all = nodes();
    at = Math.max(0, Math.min(all.length - 1, at + step));
    settle();
    all[at].focus();
    all[at].scrollIntoView({ block: "nearest" });
  }

  function isTyping(target) {
    return target.closest("input, textarea, select, [contenteditable], dialog") !== null;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const isIn = drawing.contains(event.target);
    if (event.key === "j" || (isIn && event.key === "ArrowDown")) move(isIn ? 1 : 0);
    else if (event.key === "k" || (isIn && event.key === "ArrowUp")) move(isIn ? -1 : 0);
    else return;
    event.preventDefault();
  });

  drawing.addEventListener("focusin", (event) => {
    const index = nodes().indexOf(event.target);
    if (index >= 0) at = index;
  });

  drawing.addEventListener("click", (event) => {
    const node = event.target.closest("a");
    const turn = node && document.getElementById(node.getAttribute("href").split("#")[1]);
    if (!turn) return;
    event.preventDefault();
    turn.focus({ preventScroll: true });
    turn.scrollIntoView({ block: "center" });
  });

  // Thousands of turns would take hundreds of megabytes: those far from what is read leave their height, and come back near it.
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && target.dataset.away) {
        near.unobserve(target);
        htmx.ajax("GET", target.dataset.again, { target, swap: "outerHTML" });
      } else if (!isIntersecting && !target.dataset.away && !target.contains(document.activeElement)) {
        target.style.height = `${target.offsetHeight}px`;
        target.dataset.away = "yes";
        target.replaceChildren();
      }
    }
  }, { rootMargin: "8000px 0px" });

  function watch() {
    for (const stretch of document.querySelectorAll("#turns > .stretch[data-again]")) near.observe(stretch);
  }

  document.addEventListener("htmx:oobAfterSwap", settle);
  document.addEventListener("htmx:load", watch);
  settle();
  watch();
})();
