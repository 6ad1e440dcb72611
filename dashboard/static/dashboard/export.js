// Files of requests with a visible progress: what has come so far, and a way to stop it. Without this script the links are plain downloads.
"use strict";
(() => {
  const LARGEST = 512 * 1024 * 1024; // Beyond that the browser itself stores it.
  const shown = document.getElementById("export");
  const text = document.getElementById("export-text");
  const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  const NEWLINE = 10;
  let running = null;

  function tell(words) {
    shown.hidden = false;
    text.textContent = words;
  }

  function linesIn(chunk) {
    let count = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count += 1;
    return count;
  }

  // A blob of blobs may lie on the disk, an array of chunks may not.
  async function read(response, isText, noted) {
    const reader = response.body.getReader();
    let file = new Blob();
    let waiting = [];
    let bytes = 0;
    let lines = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return new Blob([file, ...waiting]);
      waiting.push(value);
      bytes += value.length;
      if (isText) lines += linesIn(value);
      if (bytes > LARGEST) throw new RangeError();
      if (waiting.length > 256) {
        file = new Blob([file, ...waiting]);
        waiting = [];
      }
      noted(bytes, lines);
    }
  }

  function nameOf(response, fallback) {
    return /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? fallback;
  }

  function keep(file, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  async function fetched(link) {
    const isText = !link.pathname.endsWith(".parquet");
    const response = await fetch(link.href, { signal: running.signal });
    if (!response.ok) throw new Error((await response.json()).error?.message ?? `Status ${response.status}`);
    const name = nameOf(response, link.textContent);
    let soFar = "";
    const file = await read(response, isText, (bytes, lines) => {
      soFar = `${isText ? `${numbers.format(lines)} lines, ` : ""}${numbers.format(bytes / 1e6)} MB`;
      tell(`${name}: ${soFar} so far`);
    });
    keep(file, name);
    tell(`${name}: ${soFar || "0 MB"}, complete`);
  }

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-exports] a[download]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    running?.abort();
    running = new AbortController();
    document.getElementById("export-stop").hidden = false;
    tell("Asking for the file");
    try {
      await fetched(link);
    } catch (error) {
      if (error instanceof RangeError) location.assign(link.href);
      tell(error.name === "AbortError" ? "Stopped: nothing was kept." : error instanceof RangeError ? "It is large: the browser stores it from here on." : `It failed: ${error.message}`);
    }
    document.getElementById("export-stop").hidden = true;
  });
  document.getElementById("export-stop").addEventListener("click", () => running?.abort());
})();
