// Charts over time: what is dragged over, or chosen by Shift and the arrows, becomes the period. Escape lets go of it.
"use strict";
(() => {
  const DRAGGED = 6; // Pixels; less is a click.
  const HOUR = 3_600_000;
  const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
  const REPLACED = ["period", "before", "againstFrom", "againstTo"];
  const label = document.createElement("div");
  label.className = "tip stretch";
  label.hidden = true;
  label.setAttribute("role", "status");
  document.body.append(label);
  let pressed = null;
  let chosen = null;
  let isEnded = false;

  const chartAt = (target) => target.closest?.("[data-edges]");
  const edgesOf = (chart) => chart.dataset.edges.split(" ").map((hours) => new Date(Number(hours) * HOUR));

  function barAt(chart, x) {
    const box = chart.getBoundingClientRect();
    const count = edgesOf(chart).length - 1;
    return Math.max(0, Math.min(count - 1, Math.floor(((x - box.left) / box.width) * count)));
  }

  // From the bar where it began to another one, both included.
  function choose(chart, anchor, other) {
    if (chosen?.chart !== chart) release();
    const mark = chosen?.mark ?? document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const [first, last] = anchor < other ? [anchor, other] : [other, anchor];
    const edges = edgesOf(chart);
    chosen = { chart, mark, anchor, other, from: edges[first], to: edges[last + 1] };
    for (const [name, value] of Object.entries({ class: "chosen", x: first, y: 0, width: last + 1 - first, height: 100 })) {
      mark.setAttribute(name, value);
    }
    chart.append(mark);
    name(chart, mark);
  }

  function name(chart, mark) {
    const form = new Intl.DateTimeFormat("en-GB", { timeZone: chart.dataset.zone, weekday: "short", day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" });
    label.textContent = `${form.format(chosen.from)} – ${form.format(chosen.to)}`;
    label.hidden = false;
    const box = mark.getBoundingClientRect();
    const left = box.left + box.width / 2 - label.offsetWidth / 2;
    label.style.left = `${Math.max(8, Math.min(left, window.innerWidth - label.offsetWidth - 8))}px`;
    label.style.top = `${Math.max(8, box.top - label.offsetHeight - 8)}px`;
  }

  function release() {
    chosen?.mark.remove();
    chosen = null;
    label.hidden = true;
  }

  function narrow() {
    const address = new URL(location.href);
    for (const parameter of REPLACED) address.searchParams.delete(parameter);
    for (const parameter of ["from", "to"]) {
      address.searchParams.set(parameter, chosen[parameter].toISOString().replace(".000Z", "Z"));
    }
    release();
    location.assign(address);
  }

  document.addEventListener("pointerdown", (event) => {
    isEnded = false;
    const chart = event.isPrimary && event.button === 0 ? chartAt(event.target) : null;
    pressed = chart ? { chart, x: event.clientX, bar: barAt(chart, event.clientX) } : null;
  });
  document.addEventListener("pointermove", (event) => {
    if (!pressed || (!pressed.isDragged && Math.abs(event.clientX - pressed.x) < DRAGGED)) return;
    if (!pressed.isDragged) {
      pressed.isDragged = true;
      pressed.chart.setPointerCapture(event.pointerId);
    }
    choose(pressed.chart, pressed.bar, barAt(pressed.chart, event.clientX));
  });
  document.addEventListener("pointerup", () => {
    isEnded ||= Boolean(pressed?.isDragged);
    if (pressed?.isDragged) narrow();
    pressed = null;
  });
  document.addEventListener("pointercancel", () => { pressed = null; release(); });
  // The end of a drag is no click on the bar below it, and a bar's link is not carried away.
  document.addEventListener("click", (event) => {
    if (!isEnded || !chartAt(event.target)) return;
    isEnded = false;
    event.preventDefault();
  }, true);
  document.addEventListener("dragstart", (event) => { if (chartAt(event.target)) event.preventDefault(); });

  document.addEventListener("keydown", (event) => {
    const bar = event.target.closest?.("[data-edges] a.bar");
    if (event.key === "Escape") {
      isEnded ||= Boolean(pressed?.isDragged);
      pressed = null;
      release();
    } else if (bar && event.shiftKey && event.key in STEPS) {
      event.preventDefault();
      const chart = chartAt(bar);
      const at = Number(bar.querySelector(".reach").getAttribute("x"));
      const other = (chosen ? chosen.other : at) + STEPS[event.key];
      choose(chart, chosen ? chosen.anchor : at, Math.max(0, Math.min(edgesOf(chart).length - 2, other)));
    } else if (bar && chosen && event.key === "Enter") {
      event.preventDefault();
      narrow();
    }
  });
  document.addEventListener("focusout", () => { if (!pressed) release(); });
})();
