// Trees of JSON: the place where the reader is stands above them as a path to copy, and all of a tree folds at once.
"use strict";
(() => {
  function note(event) {
    const node = event.target.closest("[data-path]");
    const viewer = event.target.closest("[data-viewer]");
    if (node && viewer) viewer.querySelector(".path code").textContent = node.dataset.path;
  }

  document.addEventListener("focusin", note);
  document.addEventListener("click", (event) => {
    note(event);
    const fold = event.target.closest("[data-fold]");
    if (!fold) return;
    for (const node of fold.closest("[data-viewer]").querySelectorAll(".nodes details[open]")) node.open = false;
  });
})();
