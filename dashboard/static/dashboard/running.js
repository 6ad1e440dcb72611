// Which sessions run: a request of theirs is under way, as live events say, or ended within two minutes, as the page says at first.
"use strict";
(() => {
  const REST = 120_000;
  const GONE = 25_000; // What runs is reported every 10 s at least.
  const underWay = new Map();
  const ended = new Map();
  const read = new WeakMap();

  const keyOf = (domain, session) => `${domain}\n${session}`;

  // When its latest request ended: what was heard since, else what the server knew when it drew the mark.
  function endOf(mark) {
    if (!read.has(mark)) read.set(mark, mark.dataset.rests ? Date.now() - Number(mark.dataset.rests) * 1000 : 0);
    return Math.max(read.get(mark), ended.get(keyOf(mark.dataset.domain, mark.dataset.runs)) ?? 0);
  }

  function begunOf(mark) {
    const key = keyOf(mark.dataset.domain, mark.dataset.runs);
    const own = [...underWay.values()].filter((stream) => stream.key === key);
    return own.length ? Math.min(...own.map((stream) => stream.begun)) : 0;
  }

  function lasting(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  }

  function draw() {
    const now = Date.now();
    for (const [id, stream] of underWay) if (now - stream.heard > GONE) underWay.delete(id);
    for (const mark of document.querySelectorAll("[data-runs]")) {
      const begun = mark.dataset.runs ? begunOf(mark) : 0;
      const isRunning = begun > 0 || now - endOf(mark) < REST;
      const text = begun ? `running, ${lasting(now - begun)}` : "running";
      if (mark.textContent !== text) mark.textContent = text;
      mark.hidden = !isRunning;
      if (mark.nextElementSibling?.dataset.else !== undefined) mark.nextElementSibling.hidden = isRunning;
    }
  }

  document.addEventListener("live:events", (heard) => {
    const now = Date.now();
    for (const event of heard.detail) {
      const key = keyOf(event.domain, event.session_id);
      if (event.kind === "running" && event.session_id) {
        underWay.set(event.id, { key, begun: now - event.elapsed_ms, heard: now });
      } else if (event.kind !== "running") {
        underWay.delete(event.id);
        if (event.session_id && event.kind === "ended") ended.set(key, now);
      }
    }
    draw();
  });
  document.addEventListener("live:lost", () => { underWay.clear(); draw(); });
  document.addEventListener("htmx:load", draw);
  setInterval(draw, 1000);
  draw();
})();
