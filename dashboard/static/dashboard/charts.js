// Charts: what a bar says stands beside the pointer or the focus. One stop of the Tab key for each chart; arrows go from bar to bar.
"use strict";
(() => {
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  const MARGIN = 8;
  const tip = document.createElement("div");
  tip.className = "tip says";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  let shown = null;

  function show(bar) {
    shown = bar;
    const box = bar.querySelector(".reach").getBoundingClientRect();
    tip.textContent = bar.getAttribute("aria-label");
    tip.hidden = false;
    const left = box.left + box.width / 2 - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(MARGIN, Math.min(left, window.innerWidth - tip.offsetWidth - MARGIN))}px`;
    const above = box.top - tip.offsetHeight - MARGIN;
    tip.style.top = `${above > MARGIN ? above : box.bottom + MARGIN}px`;
  }

  function hide() {
    shown = null;
    tip.hidden = true;
  }

  function prepare(chart) {
    if (chart.dataset.chart) return;
    chart.dataset.chart = "ready";
    const bars = [...chart.querySelectorAll("a.bar")];
    let at = 0;
    bars.forEach((bar, index) => {
      // The browser would show a title a second time.
      const title = bar.querySelector("title");
      bar.setAttribute("aria-label", title.textContent);
      title.remove();
      bar.setAttribute("tabindex", index ? "-1" : "0");
      bar.addEventListener("pointerenter", () => show(bar));
      bar.addEventListener("pointerleave", hide);
      bar.addEventListener("blur", hide);
      bar.addEventListener("focus", () => {
        bars[at].setAttribute("tabindex", "-1");
        at = index;
        bar.setAttribute("tabindex", "0");
        if (bar.matches(":focus-visible")) show(bar);
      });
    });
    chart.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (event.key === "Escape") hide();
      // With Shift they choose a period (narrow.js).
      if (event.shiftKey) hide();
      if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      event.preventDefault();
      bars[Math.max(0, Math.min(bars.length - 1, at + step))].focus();
    });
  }

  const prepareAll = () => document.querySelectorAll("[data-chart]").forEach(prepare);
  prepareAll();
  // What htmx reads again has charts that nobody prepared, and a bar that is shown may be gone.
  document.addEventListener("htmx:load", () => {
    prepareAll();
    if (shown && !shown.isConnected) hide();
  });
  // A bar that is focused may only now come into sight.
  window.addEventListener("scroll", () => { if (shown) show(shown); }, { passive: true });
})();
