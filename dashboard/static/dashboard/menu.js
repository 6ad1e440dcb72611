// The menu of a narrow page: Escape, a step out of it, and a return to the page close it. It opens without this script.
"use strict";
(() => {
  const menu = document.querySelector(".menu");
  const drawer = document.querySelector(".drawer");

  function close() {
    menu.open = false;
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    close();
    menu.querySelector("summary").focus();
  });
  drawer.addEventListener("focusout", (event) => {
    const next = event.relatedTarget;
    if (next && !drawer.contains(next) && !menu.contains(next)) close();
  });
  addEventListener("pageshow", (event) => event.persisted && close());
})();
