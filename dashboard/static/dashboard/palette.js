// The command palette (Ctrl-K): pages, what a pasted id or domain may be, filters to take off. A combobox in a dialog, after the ARIA pattern.
"use strict";
(() => {
  const dialog = document.getElementById("palette");
  const field = document.getElementById("palette-words");
  const list = document.getElementById("palette-list");
  const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
  const DOMAIN = /^[a-z0-9*-]+(\.[a-z0-9*-]+)+(:\d+)?$/i;
  let at = 0;

  const query = (name, value) => new URLSearchParams({ [name]: value });

  // Commands in the order in which they are offered: [what it does, where it leads].
  const pages = () => [...document.querySelectorAll(".side nav a")].map((entry) => [`Go to ${entry.firstChild.data.trim()}`, entry.href]);
  const filters = () => [
    ...[...document.querySelectorAll(".chips a.chip")].map((chip) => [`Take off ${chip.firstChild.data.trim()}`, chip.href]),
    ...[...document.querySelectorAll("#filter-period option")].map((option) => {
      const address = new URL(location.href);
      if (option.value) address.searchParams.set("period", option.value);
      else address.searchParams.delete("period");
      for (const name of ["from", "to", "before"]) address.searchParams.delete(name);
      return [`Period: ${option.text.trim()}`, address.href];
    }),
  ];

  function pasted(words) {
    const { requests, sessions, search } = dialog.dataset;
    if (UUID.test(words)) {
      return [
        ["Open this request", dialog.dataset.request.replace("00000000-0000-0000-0000-000000000000", words)],
        ["Open this session", dialog.dataset.session.replace("ID", words)],
        ["Requests of this session id", `${requests}?${query("session", words)}`],
      ];
    }
    const found = [];
    if (DOMAIN.test(words)) {
      found.push([`Sessions of ${words}`, `${sessions}?${query("domain", words)}`], [`Requests of ${words}`, `${requests}?${query("domain", words)}`]);
    }
    if (words) found.push([`Search for ${words}`, `${search}?${query("q", words)}`]);
    return found;
  }

  function choose(index) {
    const options = [...list.children];
    at = options.length ? (index + options.length) % options.length : 0;
    options.forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
    if (options.length) {
      field.setAttribute("aria-activedescendant", options[at].id);
      options[at].scrollIntoView({ block: "nearest" });
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  function offer() {
    const words = field.value.trim();
    const parts = words.toLowerCase().split(/\s+/);
    const named = [...pages(), ...filters()].filter(([name]) => parts.every((part) => name.toLowerCase().includes(part)));
    const commands = UUID.test(words) ? pasted(words) : [...named, ...pasted(words)];
    list.replaceChildren(...commands.map(([name, address], place) => {
      const option = document.createElement("li");
      option.id = `palette-${place}`;
      option.setAttribute("role", "option");
      option.dataset.address = address;
      option.textContent = name;
      return option;
    }));
    choose(0);
  }

  function run(option) {
    if (!option) return;
    dialog.close();
    location.assign(option.dataset.address);
  }

  function open() {
    field.value = "";
    dialog.showModal();
    offer();
    field.focus();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close();
      else if (!document.querySelector("dialog[open]")) open();
    }
  });
  field.addEventListener("input", offer);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      choose(at + step);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      run(list.children[at]);
    }
  });
  list.addEventListener("click", (event) => run(event.target.closest("li")));
})();
