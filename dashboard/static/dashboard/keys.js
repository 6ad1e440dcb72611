// The keyboard: "/" searches, "d" filters, "?" helps, "g" and the letter of a link goes to its page, "j" and "k"
// walk through a list. Forms marked so are sent when their field changes.
"use strict";
(() => {
  const pages = new Map(Array.from(document.querySelectorAll("nav [data-key]"), (link) => [link.dataset.key, link.href]));
  const help = document.getElementById("help");
  let pending = false;

  function isTyping(target) {
    return target.closest("input, textarea, select, [contenteditable]") !== null;
  }

  function enter(id) {
    const field = document.getElementById(id);
    field?.focus();
    field?.select();
    return field !== null;
  }

  // To the next line of the list, or the one before; the first one where none has the focus. A session's tree has these keys for itself.
  function step(by) {
    if (document.getElementById("tree-drawing")) return;
    const lines = [...document.querySelectorAll("main a.row")].filter((line) => line.offsetParent);
    const at = lines.indexOf(document.activeElement);
    const next = lines[at < 0 ? 0 : at + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const goes = pending && pages.get(event.key);
    pending = event.key === "g";
    if (goes) {
      location.assign(goes);
    } else if (event.key === "?") {
      help.showModal();
    } else if (event.key === "/") {
      event.preventDefault();
      if (!enter("q")) location.assign(document.querySelector("[data-search]").dataset.search);
    } else if ("jk".includes(event.key)) {
      step(event.key === "j" ? 1 : -1);
    } else if (event.key === "d") {
      event.preventDefault();
      enter("filter-domain");
    }
  });

  for (const button of document.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
  }
  for (const form of document.querySelectorAll("form[data-autosubmit]")) {
    form.addEventListener("change", () => form.requestSubmit());
    // An address says what is filtered, and nothing of what is not.
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
    });
  }
})();
