// What every page has: shortcuts, dialogs, confirmations, longer lists. All of it also works without scripts.
import { csrf, fetchFragment, t } from "./fragments.js";

const single = document.body.dataset.shortcuts === "on";
const typing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
let after = "";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const dialog = document.querySelector("dialog[open]");
  if (event.key === "Escape" && typing(event.target)) return event.target.blur();
  if (!single || dialog || typing(event.target)) return;
  if (after === "g") {
    after = "";
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  if (event.key === "g") { after = "g"; return; }
  const target = event.key === "/" ? document.querySelector("[data-search]") : document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.matches("input, textarea, select")) target.focus();
  else target.click();
});

document.addEventListener("click", async (event) => {
  const target = event.target.closest("[data-open], [data-confirm], [data-copy], [data-more]");
  if (!target) return;
  const { open, copy, more } = target.dataset;
  if (target.dataset.confirm && !window.confirm(target.dataset.confirm)) event.preventDefault();
  if (open) document.getElementById(open).showModal();
  if (copy) await navigator.clipboard.writeText(document.getElementById(copy).textContent.trim());
  if (more) {
    event.preventDefault();
    if (target.hasAttribute("aria-busy")) return; // these entries are on their way already
    target.setAttribute("aria-busy", "true");
    try {
      const fragment = await fetchFragment(more);
      document.querySelector("[data-more-into]").append(...fragment.querySelectorAll("[data-more-into] > li"));
      const next = fragment.querySelector("[data-more]");
      if (next) target.dataset.more = next.dataset.more;
      else target.remove();
    } catch {
      target.textContent = t("That didn't work. Try again.");
    } finally {
      target.removeAttribute("aria-busy");
    }
  }
});

// The theme changes at once; the form is only sent beside it.
const theme = document.getElementById("theme-form");
theme?.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = event.submitter.value;
  const body = new URLSearchParams({ csrf: csrf(), theme: chosen });
  fetch(theme.action, { method: "POST", body, credentials: "same-origin" }).then(() => window.location.reload());
  document.documentElement.dataset.theme = chosen;
});

// A form is sent once, however often its button is clicked.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method === "dialog") return;
  if (event.target.dataset.sent) return event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
