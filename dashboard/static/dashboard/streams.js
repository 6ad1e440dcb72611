// What runs, row by row, and what just ended. Events change a model; five times a second the rows that are in sight are patched.
// A stream keeps its row. While somebody is at the list, rows neither come nor go; a row whose stream ended is given to a new one.
"use strict";
(() => {
  const PAINT = 200;
  const GONE = 25_000; // What runs is reported every 10 s at least.
  const REST = 2_000; // How long a row still says how its stream ended.
  const WINDOW = 4_000; // Tokens a second are those of so long.
  const ASK = 1_000;
  const ASK_AGAIN = 30_000;
  const MOST = 50;
  const box = document.getElementById("streams");
  const body = document.getElementById("rows");
  const blank = document.getElementById("row").content.firstElementChild;
  const ended = document.getElementById("ended");
  const count = document.getElementById("count");
  const held = document.getElementById("held");
  const none = document.getElementById("none");
  const pause = document.getElementById("pause");
  const silentOnly = document.getElementById("silent");
  const withWords = "words" in box.dataset;
  const silentAfter = Number(box.dataset.silent) * 1000;
  const numbers = new Intl.NumberFormat("en");
  const streams = new Map(); // by id, the oldest first
  const rows = []; // in order, each { element, fields, stream }
  const past = []; // the newest first
  const names = { sessions: new Map(), keys: new Map() };
  let isHeard = false;

  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
  const isHeld = () => isPressed(pause) || box.matches(":hover, :focus-within") || document.getElementById("stop")?.open === true;
  const seconds = (ms) => (ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1000)} s`);

  function put(cell, text) {
    if (cell.textContent !== text) cell.textContent = text;
  }

  function fieldsOf(element) {
    return Object.fromEntries(Array.from(element.querySelectorAll("[data-field]"), (cell) => [cell.dataset.field, cell]));
  }

  // Figures of a stream.
  const tokensOf = (stream) => Math.max(stream.output_tokens ?? 0, stream.estimated_tokens ?? 0);
  const silenceOf = (stream, now) => (stream.silent_ms ?? 0) + now - stream.heard;

  function outOf(stream) {
    const isGuess = (stream.estimated_tokens ?? 0) > (stream.output_tokens ?? 0);
    return (isGuess ? "≈ " : "") + numbers.format(tokensOf(stream));
  }

  function rateOf(stream, now) {
    if (stream.first_byte_ms === null || stream.first_byte_ms === undefined) return "–";
    while (stream.samples.length > 1 && now - stream.samples[1].at >= WINDOW) stream.samples.shift();
    const [first] = stream.samples;
    const lasted = Math.max(1, now - first.at);
    return lasted < 500 ? "–" : String(Math.round((1000 * (tokensOf(stream) - first.tokens)) / lasted));
  }

  function nameOf(stream) {
    const known = names.sessions.get(stream.session_id);
    if (withWords && known?.title) return known.title;
    return stream.session_id ? stream.session_id.slice(0, 8) : stream.id.slice(-12);
  }

  function whoOf(stream) {
    const key = names.keys.get(stream.client_key);
    const person = typeof key === "string" ? key : names.sessions.get(stream.session_id)?.person?.slice(0, 12);
    return person ? `${person} · ${stream.domain}` : stream.domain;
  }

  const addressOf = (stream) => (stream.session_id ? `/dashboard/session/${encodeURIComponent(stream.session_id)}` : "");

  function link(cell, stream) {
    put(cell, nameOf(stream));
    const address = addressOf(stream);
    if (address && cell.getAttribute("href") !== address) cell.href = address;
    else if (!address) cell.removeAttribute("href");
  }

  function outcomeOf(stream) {
    if (stream.stopped_by) return `stopped by ${stream.stopped_by}`;
    const words = (stream.outcome ?? "ended").replaceAll("_", " ");
    return stream.status >= 400 ? `${stream.status} ${words}` : words;
  }

  // Events.
  function hear(event, now) {
    if (event.kind !== "running") {
      end(event, now);
      return;
    }
    if (past.some((stream) => stream.id === event.id)) return;
    const stream = streams.get(event.id) ?? { samples: [], row: null, endedAt: 0 };
    Object.assign(stream, event, { heard: now, begun: now - event.elapsed_ms });
    stream.samples.push({ at: now, tokens: tokensOf(stream) });
    streams.set(event.id, stream);
  }

  function end(event, now) {
    const known = past.find((stream) => stream.id === event.id);
    if (known) {
      Object.assign(known, event);
      return;
    }
    const stream = Object.assign(streams.get(event.id) ?? { row: null }, event, { endedAt: now });
    streams.delete(event.id);
    past.unshift(stream);
    past.length = Math.min(past.length, MOST);
  }

  // Rows.
  function give(row, stream) {
    row.stream = stream;
    stream.row = row;
    const button = row.element.querySelector("[data-stop]");
    if (button) {
      button.disabled = false;
      Object.assign(button.dataset, { domain: stream.domain, session: stream.session_id ?? "", request: stream.id });
    }
  }

  function addRow() {
    const element = blank.cloneNode(true);
    body.append(element);
    const row = { element, fields: fieldsOf(element), stream: null };
    rows.push(row);
    return row;
  }

  const isFree = (row, now) => row.stream === null || (row.stream.endedAt && now - row.stream.endedAt > REST);

  // New streams into free rows, then rows from the end into what is still free: nobody is at the list.
  function settle(now) {
    const free = rows.filter((row) => isFree(row, now));
    for (const row of free) row.stream = null;
    for (const stream of streams.values()) if (!stream.row) give(free.shift() ?? addRow(), stream);
    while (rows.length && rows.at(-1).stream === null) rows.pop().element.remove();
    for (const row of free) {
      if (row.stream || !rows.includes(row)) continue;
      const last = rows.pop();
      give(row, last.stream);
      last.element.remove();
      while (rows.length && rows.at(-1).stream === null) rows.pop().element.remove();
    }
    for (const row of rows) {
      const isHidden = isPressed(silentOnly) && !(row.stream && silenceOf(row.stream, now) > silentAfter);
      if (row.element.hidden !== isHidden) row.element.hidden = isHidden;
    }
  }

  function paintRow({ element, fields, stream }, now) {
    const state = stream === null ? "free" : stream.endedAt ? "ended" : "running";
    if (element.dataset.state !== state) element.dataset.state = state;
    if (stream === null) return;
    link(fields.session, stream);
    put(fields.agent, withWords ? (stream.agent_id ? stream.agent_id.slice(0, 8) : "main") : "");
    put(fields.who, whoOf(stream));
    put(fields.model, (stream.model || "").replace(/^claude-/, ""));
    const until = stream.endedAt || now;
    put(fields.elapsed, seconds(until - stream.begun));
    put(fields.first, stream.first_byte_ms === null || stream.first_byte_ms === undefined ? "–" : seconds(stream.first_byte_ms));
    put(fields.context, stream.prompt_tokens ? numbers.format(stream.prompt_tokens) : "–");
    put(fields.out, outOf(stream));
    if (stream.endedAt) {
      put(fields.silence, outcomeOf(stream));
      const button = element.querySelector("[data-stop]");
      if (button) button.disabled = true;
      return;
    }
    put(fields.rate, rateOf(stream, now));
    const silence = silenceOf(stream, now);
    put(fields.silence, seconds(silence));
    const look = silence > silentAfter ? "tag warn" : "";
    if (fields.silence.className !== look) fields.silence.className = look;
  }

  function paintPast() {
    Array.from(ended.querySelectorAll("tbody tr")).forEach((element, index) => {
      const stream = past[index];
      if (!stream) return;
      const fields = fieldsOf(element);
      put(fields.at, new Date(stream.endedAt).toLocaleTimeString("en-GB"));
      put(fields.outcome, outcomeOf(stream));
      const look = `tag ${stream.outcome === "complete" ? "good" : stream.stopped_by || stream.status >= 400 ? "bad" : "warn"}`;
      if (fields.outcome.className !== look) fields.outcome.className = look;
      fields.outcome.href = `/dashboard/request/${stream.id}`;
      link(fields.session, stream);
      put(fields.who, whoOf(stream));
      put(fields.model, (stream.model || "").replace(/^claude-/, ""));
      put(fields.lasted, seconds(stream.elapsed_ms));
      put(fields.out, outOf(stream));
      put(fields.cost, stream.cost_usd ? `$${Number(stream.cost_usd).toFixed(4)}` : stream.kind === "stored" ? "–" : "");
      fields.partial.hidden = stream.cost_state !== "partial";
    });
  }

  // Only what is in sight: all rows have one height.
  function inSight() {
    const shown = rows.filter((row) => !row.element.hidden);
    const height = shown[0]?.element.offsetHeight || 36;
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 2);
    return shown.slice(first, first + Math.ceil(box.clientHeight / height) + 4);
  }

  function paint() {
    if (document.hidden || !isHeard) return;
    const now = Date.now();
    for (const [id, stream] of streams) if (now - stream.heard > GONE) { streams.delete(id); stream.endedAt = now; }
    put(count, `${numbers.format(streams.size)} stream${streams.size === 1 ? "" : "s"}`);
    const waiting = Array.from(streams.values()).filter((stream) => !stream.row).length;
    const stays = isHeld();
    put(held, isPressed(pause) ? "paused" : stays && waiting ? `${waiting} more when you leave the list` : "");
    if (isPressed(pause)) return;
    if (!stays) settle(now);
    for (const row of inSight()) paintRow(row, now);
    if (!ended.matches(":hover, :focus-within")) paintPast();
    none.hidden = rows.length > 0;
  }

  // Names, of what is not known yet and was not asked for a while.
  async function askNames() {
    const now = Date.now();
    const wanted = new URLSearchParams();
    const want = (kind, name, parameter) => {
      const known = names[kind].get(name);
      if (!name || typeof known === "string" || known?.title || now < (known?.again ?? 0)) return;
      if (wanted.getAll(parameter).length >= MOST) return;
      wanted.append(parameter, name);
      names[kind].set(name, { ...known, again: now + ASK_AGAIN });
    };
    for (const stream of [...streams.values(), ...past.slice(0, 8)]) {
      want("sessions", stream.session_id, "session");
      want("keys", stream.client_key, "key");
    }
    if (!document.hidden && wanted.size) {
      const response = await fetch(`${box.dataset.names}&${wanted}`).catch(() => null);
      const found = response?.ok ? await response.json() : { sessions: {}, keys: {} };
      for (const [name, session] of Object.entries(found.sessions)) names.sessions.set(name, { ...session, again: Date.now() + ASK_AGAIN });
      for (const [name, label] of Object.entries(found.keys)) names.keys.set(name, label);
    }
    setTimeout(askNames, ASK);
  }

  document.addEventListener("live:events", (heard) => {
    isHeard = true;
    const now = Date.now();
    for (const event of heard.detail) hear(event, now);
  });
  document.addEventListener("live:lost", () => {
    for (const stream of streams.values()) stream.endedAt = Date.now();
    streams.clear();
  });
  for (const button of [pause, silentOnly]) {
    button.addEventListener("click", () => button.setAttribute("aria-pressed", String(!isPressed(button))));
  }
  // Without an event there is nothing to show after a moment.
  setTimeout(() => { isHeard = true; }, 1500);
  setInterval(paint, PAINT);
  askNames();
})();
