// Articles beside a conversation: search without leaving it, and the short answer goes into the reply, to be changed.
import { csrf, fetchFragment, t } from "./fragments.js";

const card = document.getElementById("articles");
const reply = document.getElementById("text");

function offer() {
  if (reply) for (const button of card.querySelectorAll("[data-insert]")) button.hidden = false;
}

let looks = 0;
async function look(words) {
  const hits = document.getElementById("hits");
  const mine = (looks += 1);
  hits.setAttribute("aria-busy", "true");
  try {
    const found = await fetchFragment(`${card.dataset.look}?q=${encodeURIComponent(words)}`);
    if (mine !== looks) return; // another look has begun meanwhile: its articles are wanted, whichever come first
    hits.replaceWith(found);
    offer();
  } catch {
    if (mine !== looks) return;
    hits.removeAttribute("aria-busy");
    hits.textContent = t("That didn't work. Try again.");
  }
}

if (card) {
  offer();
  card.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    look(event.target.elements.q.value.trim());
  });
  // What the customer writes next may need another article; nothing is taken away that somebody looked for or is about
  // to press.
  document.addEventListener("desk:live", ({ detail }) => {
    if (detail.kind !== "message" || !detail.topic?.startsWith("contact:")) return;
    if (!card.querySelector("input").value && !card.contains(document.activeElement)) look("");
  });
  card.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-insert]");
    if (!button || !reply) return;
    const gap = reply.selectionStart > 0 && !/\s/.test(reply.value[reply.selectionStart - 1]) ? " " : "";
    reply.setRangeText(gap + button.dataset.insert, reply.selectionStart, reply.selectionEnd, "end");
    reply.dispatchEvent(new Event("input"));
    reply.focus();
    fetch(button.dataset.inserted, { method: "POST", credentials: "same-origin", headers: { "X-CSRF-Token": csrf() } }).catch(() => {});
  });
}
