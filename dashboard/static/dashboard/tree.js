// The tree of a session: walked by keyboard, and larger or smaller in a window whose size stays, so that nothing beside it moves.
"use strict";
(() => {
  const STEP = 1.25;
  const LARGEST = 3;
  const LABELS = 250; // What drawing/tree.py leaves for words: they keep their size while the tree gets smaller.
  const TEXT = 11.5;
  const LINE = 13;
  const EDGE = 8;
  const drawing = document.getElementById("tree-drawing");
  const shown = document.getElementById("zoom");
  let at = 0;
  let scale = 1;
  let focused = null;
  const sizes = new WeakMap();

  const svg = () => drawing.querySelector("svg");
  const nodes = () => [...drawing.querySelectorAll("a")];
  const columnOf = (node) => node.getBBox().x;

  // One stop of the Tab key for the whole tree.
  function settle() {
    nodes().forEach((node, index) => { node.setAttribute("tabindex", index === at ? "0" : "-1"); });
  }

  function go(index) {
    const all = nodes();
    if (!all.length) return;
    at = Math.max(0, Math.min(all.length - 1, index));
    settle();
    all[at].focus({ preventScroll: true });
    all[at].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // Sideways: to the next turn in a lane further right, or back to the one before in a lane further left.
  function goSideways(step) {
    const all = nodes();
    const from = columnOf(all[at]);
    for (let index = at + step; all[index]; index += step) {
      if ((columnOf(all[index]) - from) * step > 0) { go(index); return; }
    }
  }

  // In pixels, as the server drew it.
  function sizeOf(element) {
    if (!sizes.has(element)) {
      const { width, height } = element.viewBox.baseVal;
      sizes.set(element, { width, height });
    }
    return sizes.get(element);
  }

  // In a smaller tree words that would cover those above them are left out, and their dots stay to be seen.
  function write(element, factor) {
    let last = -Infinity;
    element.setAttribute("font-size", TEXT / factor);
    for (const words of element.querySelectorAll("text")) {
      const y = words.getAttribute("y") * scale;
      const isCovered = y - last < LINE && factor < 1;
      if (!isCovered) last = y;
      words.classList.toggle("covered", isCovered);
      words.setAttribute("dx", 6 / factor - 6);
      words.setAttribute("dy", 3.5 / factor - 3.5);
      words.parentNode.querySelector("circle")?.setAttribute("r", Math.max(4, 3 / factor));
    }
  }

  function draw(next) {
    const { width, height } = sizeOf(svg());
    const middle = { x: (drawing.scrollLeft + drawing.clientWidth / 2) / scale, y: (drawing.scrollTop + drawing.clientHeight / 2) / scale };
    scale = next;
    const factor = Math.min(1, scale);
    const wide = (width - LABELS) * scale + LABELS * Math.max(1, scale);
    const edge = scale < 1 ? EDGE : 0;
    svg().setAttribute("viewBox", `${-edge / scale / 2} ${-edge / scale} ${wide / scale} ${height + 2 * edge / scale}`);
    svg().setAttribute("width", wide);
    svg().setAttribute("height", height * scale + 2 * edge);
    write(svg(), factor);
    drawing.scrollLeft = scale > 1 ? middle.x * scale - drawing.clientWidth / 2 : 0;
    drawing.scrollTop = middle.y * scale - drawing.clientHeight / 2;
    shown.textContent = `${Math.round(scale * 100)} %`;
  }

  // As small as shows all of it at once.
  function fitting() {
    const { width, height } = sizeOf(svg());
    const style = getComputedStyle(drawing);
    const room = drawing.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const beside = width <= room ? 1 : Math.max(0.02, (room - LABELS) / (width - LABELS));
    const below = height <= drawing.clientHeight ? 1 : (drawing.clientHeight - 2 * EDGE) / height;
    return Math.min(beside, below);
  }

  function zoom(how) {
    drawing.style.height ||= `${drawing.offsetHeight}px`;
    const fit = fitting();
    if (how === "fit") draw(fit);
    else draw(Math.max(fit, Math.min(LARGEST, scale * (how === "in" ? STEP : 1 / STEP))));
    if (drawing.contains(document.activeElement)) document.activeElement.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  const KEYS = { "+": "in", "=": "in", "-": "out", "−": "out", "0": "fit" };
  const MOVES = {
    ArrowDown: () => go(at + 1),
    ArrowUp: () => go(at - 1),
    ArrowRight: () => goSideways(1),
    ArrowLeft: () => goSideways(-1),
    Home: () => go(0),
    End: () => go(Infinity),
  };

  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable], dialog") !== null;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !svg()) return;
    const isIn = drawing.contains(event.target) && event.target !== drawing;
    if (event.key === "j") go(at + (isIn ? 1 : 0));
    else if (event.key === "k") go(at - (isIn ? 1 : 0));
    else if (KEYS[event.key]) zoom(KEYS[event.key]);
    else if (isIn && MOVES[event.key]) MOVES[event.key]();
    else return;
    event.preventDefault();
  });

  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoom(button.dataset.zoom));
  }

  drawing.addEventListener("focusin", (event) => {
    const index = nodes().indexOf(event.target);
    if (index >= 0) at = index;
  });

  // A session that runs brings its tree anew: what had the focus has it again, in the size that was chosen.
  document.addEventListener("htmx:oobBeforeSwap", () => {
    if (drawing.contains(document.activeElement)) focused = document.activeElement.getAttribute("href");
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    settle();
    if (scale !== 1) draw(scale);
    const again = focused && nodes().find((node) => node.getAttribute("href") === focused);
    focused = null;
    if (again) again.focus({ preventScroll: true });
  });
  settle();
})();
