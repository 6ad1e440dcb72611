// The page of a session: a turn that is drawn comes in sight without a new page where it is loaded already; far ones leave.
"use strict";
(() => {
  const context = document.getElementById("context");

  const bars = () => [...context.querySelectorAll("a.bar")];

  // One stop of the Tab key for all bars, the last one at first.
  function settle(chosen) {
    for (const bar of bars()) bar.setAttribute("tabindex", bar === chosen ? "0" : "-1");
  }

  context.addEventListener("keydown", (event) => {
    const all = bars();
    const at = all.indexOf(event.target);
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const bar = all[Math.max(0, Math.min(all.length - 1, next))];
    settle(bar);
    bar.focus();
  });
  context.addEventListener("htmx:afterSwap", () => settle(bars().at(-1)));

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#tree-drawing a, #context a");
    const turn = link && document.getElementById(link.getAttribute("href").split("#")[1]);
    if (!turn || event.ctrlKey || event.metaKey || event.shiftKey) return;
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

  document.addEventListener("htmx:load", watch);
  watch();
})();
