// Light, dark, or as the system wishes. Loaded before the first paint; the admin of Django reads the same "theme" entry.
"use strict";
(() => {
  const NAMES = { auto: "Auto", light: "Light", dark: "Dark" };
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("theme") in NAMES ? localStorage.getItem("theme") : "auto";
  } catch {
    // Without storage the choice lasts as long as the page.
  }

  function apply() {
    const dark = chosen === "dark" || (chosen === "auto" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.classList.toggle("dark-mode", dark); // what Swagger goes by
    const button = document.querySelector("[data-theme-switch]");
    if (button) {
      button.textContent = NAMES[chosen];
      button.setAttribute("aria-label", `Colours: ${NAMES[chosen].toLowerCase()}, change`);
    }
  }

  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
      chosen = NEXT[chosen];
      try {
        localStorage.setItem("theme", chosen);
      } catch {
        // See above.
      }
      apply();
    });
  });
})();
