// Stop a stream or a session, after a question, and let a session go on: both by the API, as the person who is signed in.
"use strict";
(() => {
  const dialog = document.getElementById("stop");
  const form = document.getElementById("stop-form");
  const trouble = document.getElementById("stop-error");
  const token = form.elements.namedItem("csrfmiddlewaretoken").value;
  let target = null;

  async function ask(method, address, body) {
    const headers = { "X-CSRFToken": token, "Content-Type": "application/json" };
    const response = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
    if (response.ok) return "";
    const said = await response.json().catch(() => ({}));
    return said.error?.message ?? `The dashboard answered ${response.status}: try again.`;
  }

  function open(button) {
    const { domain, session = "", request = "", label } = button.dataset;
    target = { domain, session, request };
    document.getElementById("stop-what").textContent = label || `${session || request} of ${domain}`;
    const first = request ? "request" : "session";
    let isChosen = false;
    for (const choice of form.querySelectorAll("[data-choice]")) {
      choice.hidden = !(choice.dataset.choice === "request" ? request : session);
      const input = choice.querySelector("input");
      input.checked = !isChosen && choice.dataset.choice === first;
      isChosen ||= input.checked;
    }
    trouble.hidden = true;
    dialog.showModal();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const minutes = Number(new FormData(form).get("minutes"));
    const what = minutes ? { sessionId: target.session, minutes } : { requestId: target.request, sessionId: target.session };
    const said = await ask("POST", "/api/stops", { domain: target.domain, ...what });
    trouble.textContent = said;
    trouble.hidden = !said;
    if (said) return;
    dialog.close();
    // A page that shows whether its session is stopped is read again; the list of streams hears of it.
    if (!document.getElementById("streams")) location.reload();
  });
  document.getElementById("stop-cancel").addEventListener("click", () => dialog.close());
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-stop], [data-lift]");
    if (!button) return;
    if (button.dataset.lift === undefined) { open(button); return; }
    const said = await ask("DELETE", `/api/stops/${button.dataset.lift}`);
    if (said) button.replaceWith(said);
    else location.reload();
  });
})();
