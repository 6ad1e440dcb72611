// The websocket: rows of running streams are patched, and a stored exchange calls what is shown stale, upon which htmx reads
// it again, at most once a second. Nothing polls; a lost socket comes back with growing pauses and catches up by one read.
"use strict";
(() => {
  const FINISHED_KEPT = 500;
  const MOST_SHOWN = 10; // overview.css hides what is beyond.
  const READ_PAUSE = 1000; // A page that takes more to read says how long: data-pause.
  const SILENCE = 75_000; // The server speaks every 30 s at least.
  const NO_SESSION = 4401;
  const panel = document.getElementById("running");
  const heard = document.querySelector("[data-socket]");
  const body = document.getElementById("streams");
  const blank = document.getElementById("stream");
  const state = document.getElementById("socket");
  const rows = new Map();
  const finished = new Set();
  const numbers = new Intl.NumberFormat("en");
  let attempts = 0;
  let watchdog = 0;
  let clock = 0;
  let pause = 0;
  let isStale = false;

  // Looked for each time: what was read last may have replaced it.
  const fresh = () => document.getElementById("fresh");
  const readPause = () => Number(fresh().dataset.pause ?? READ_PAUSE);

  function show(name, text) {
    state.dataset.state = name;
    state.textContent = text;
  }

  function put(row, field, text) {
    const cell = row.fields[field];
    if (cell.textContent !== text) cell.textContent = text;
  }

  function tick() {
    const now = Date.now();
    for (const row of rows.values()) {
      put(row, "elapsed", `${((row.elapsed + now - row.heard) / 1000).toFixed(1)} s`);
    }
  }

  // Lines keep their place: a stream takes the first that is free, and what ended leaves its own empty until then.
  function addRow(id) {
    const element = body.querySelector("[data-free]") ?? body.appendChild(blank.content.firstElementChild.cloneNode(true));
    delete element.dataset.free;
    const fields = {};
    for (const cell of element.querySelectorAll("[data-field]")) fields[cell.dataset.field] = cell;
    const row = { element, fields, elapsed: 0, heard: 0 };
    rows.set(id, row);
    return row;
  }

  function patch(event) {
    if (finished.has(event.id)) return;
    const row = rows.get(event.id) ?? addRow(event.id);
    row.elapsed = event.elapsed_ms;
    row.heard = Date.now();
    put(row, "domain", event.domain);
    put(row, "model", event.model);
    for (const [name, cell] of Object.entries(row.fields)) {
      if ("count" in cell.dataset) put(row, name, numbers.format(event[name] ?? 0));
    }
  }

  function free(row) {
    row.element.dataset.free = "";
    while (body.lastElementChild?.matches("[data-free]")) body.lastElementChild.remove();
  }

  function finish(id) {
    if (rows.has(id)) free(rows.get(id));
    rows.delete(id);
    finished.add(id);
    if (finished.size > FINISHED_KEPT) finished.delete(finished.values().next().value);
  }

  function redraw() {
    if (!panel) return;
    // The panel is as high as it can be from the beginning on, so that nothing below it moves.
    const more = document.getElementById("running-more");
    document.getElementById("running-none").hidden = rows.size > 0;
    document.getElementById("running-count").textContent = numbers.format(rows.size);
    more.hidden = rows.size <= MOST_SHOWN;
    more.textContent = `and ${numbers.format(rows.size - MOST_SHOWN)} more`;
    // The clock only moves the shown seconds of running rows; it asks nobody.
    if (rows.size && !clock) clock = setInterval(tick, 500);
    if (!rows.size && clock) {
      clearInterval(clock);
      clock = 0;
    }
    tick();
  }

  // A list that would move under a pointer or the keyboard waits until they have left it.
  const HOLDING = "[data-holds]:hover, [data-holds]:focus-within";
  const isHeld = (element) => element.matches(HOLDING) || element.querySelector(HOLDING) !== null;

  // What comes within the pause makes one more read at its end; while a read is under way, htmx keeps the last one waiting.
  function readAgain() {
    isStale = true;
    if (pause) return;
    if (isHeld(fresh())) {
      pause = setTimeout(() => { pause = 0; readAgain(); }, readPause());
      return;
    }
    isStale = false;
    fresh().dispatchEvent(new Event("stale"));
    pause = setTimeout(() => {
      pause = 0;
      if (isStale) readAgain();
    }, readPause());
  }

  function receive(frame) {
    if (frame.type !== "events") return;
    let isStored = false;
    for (const event of frame.events) {
      if (panel && event.kind === "running") patch(event);
      else if (panel) finish(event.id);
      isStored ||= event.kind === "stored";
    }
    redraw();
    document.dispatchEvent(new CustomEvent("live:events", { detail: frame.events }));
    if (isStored) readAgain();
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${heard.dataset.socket}`);
    const listen = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => socket.close(), SILENCE);
    };
    socket.addEventListener("open", () => {
      show("live", "Live");
      if (attempts) readAgain();
      attempts = 0;
      listen();
    });
    socket.addEventListener("message", (message) => {
      listen();
      receive(JSON.parse(message.data));
    });
    socket.addEventListener("close", (closed) => {
      clearTimeout(watchdog);
      rows.forEach(free);
      rows.clear();
      document.dispatchEvent(new CustomEvent("live:lost"));
      redraw();
      const delay = Math.min(30_000, 500 * 2 ** attempts) * (0.75 + Math.random() / 2);
      attempts += 1;
      show("lost", "Connection lost, trying again");
      // The session has ended, or perhaps it has.
      if (closed.code === NO_SESSION || attempts === 3) readAgain();
      setTimeout(connect, delay);
    });
  }

  connect();
})();
