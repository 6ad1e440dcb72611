// Moves the secret of an invitation from behind the # into the form, and out of the address and the history.
"use strict";
(() => {
  const secret = location.hash.slice(1);
  if (!secret) return;
  document.getElementById("secret").value = secret;
  history.replaceState(null, "", location.pathname);
})();
