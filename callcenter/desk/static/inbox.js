// The inbox: new messages come by themselves, the list keeps up, canned answers are put in, typing is told.
import { fetchFragment, post, t } from "./fragments.js";
import { Live } from "./live.js";

const inbox = document.getElementById("inbox");
const { contact, transcript, typing, ticket, list } = inbox.dataset;
const POLL = 40_000; // for what nobody tells: the queue, threads of others
const GAP = 1000; // several things that happen at once are one reason to read the list again

const talk = () => document.getElementById("transcript");
const toTheEnd = () => talk()?.scrollTo(0, talk().scrollHeight);
toTheEnd();

let reading = Promise.resolve();
const inTurn = (what) => (reading = reading.then(what).catch(() => {}));

function readTalk() {
  if (!transcript) return;
  inTurn(async () => {
    const fragment = await fetchFragment(transcript);
    const old = talk();
    const atEnd = old.scrollHeight - old.scrollTop - old.clientHeight < 80;
    // Lines that are there stay as they are: what somebody selects or hears isn't taken away.
    const fresh = fragment.querySelector("#transcript");
    const length = fresh.children.length;
    [...fresh.children].forEach((line, place) => {
      const known = old.children[place];
      if (!known) old.append(line);
      else if (!known.isEqualNode(line)) known.replaceWith(line);
    });
    while (old.children.length > length) old.lastElementChild.remove();
    if (atEnd) toTheEnd();
  });
}

// As written: in a fragment, which isn't part of the page, links lead nowhere yet.
const addressOf = (line) => line.querySelector("a")?.getAttribute("href");

function readList() {
  if (!list) return;
  inTurn(async () => {
    const fragment = await fetchFragment(list);
    for (const link of fragment.querySelectorAll(".threads a")) {
      if (contact && link.getAttribute("href").includes(`/${contact}`)) link.setAttribute("aria-current", "true");
    }
    // Threads that are there keep their links: what has the focus, or is being clicked, isn't taken away.
    const old = document.getElementById("threads");
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const known = new Map([...old.children].map((line) => [addressOf(line), line]));
    const lines = [...fragment.querySelector("#threads").children].map((line) => {
      const kept = known.get(addressOf(line));
      if (!kept || kept.isEqualNode(line)) return kept ?? line;
      const [link, news] = [kept, line].map((one) => one.querySelector("a"));
      kept.className = line.className;
      for (const { name, value } of news?.attributes ?? []) link.setAttribute(name, value);
      link?.replaceChildren(...news.childNodes);
      return kept;
    });
    for (const line of known.values()) if (!lines.includes(line)) line.remove();
    lines.forEach((line, place) => old.children[place] === line || old.insertBefore(line, old.children[place]));
    if (focused?.isConnected) focused.focus(); // a line that has changed its place lost it
  });
}

let quiet;
function isTyping(data) {
  const line = document.getElementById("typing");
  if (!line || data.by !== "visitor") return;
  line.textContent = data.on ? t("is typing…") : "";
  clearTimeout(quiet);
  quiet = setTimeout(() => (line.textContent = ""), 6000);
}

function heard(event) {
  if (event.kind === "typing") return isTyping(event.data ?? {});
  if (event.topic?.startsWith("contact:")) {
    if (event.kind === "served_by" || event.kind === "ended") {
      const written = document.getElementById("text")?.value;
      if (!written) return window.location.reload();
    }
    readTalk();
  }
  // Offers, calls and presence are other scripts' matter: they listen here.
  document.dispatchEvent(new CustomEvent("desk:live", { detail: event }));
  listSoon();
}

let listed = -GAP, listing = null;
function listSoon() {
  listing ??= setTimeout(() => {
    listing = null;
    listed = performance.now();
    readList();
  }, Math.max(0, listed + GAP - performance.now()));
}

const both = () => { readTalk(); readList(); };
if (list) {
  new Live(ticket, { contact: contact ?? "" }, heard, both);
  setInterval(() => document.visibilityState === "visible" && readList(), POLL);
}

const reply = document.getElementById("reply");
if (reply) {
  const text = document.getElementById("text");
  const draft = `draft:${contact}`;
  text.value ||= sessionStorage.getItem(draft) ?? "";
  let told = 0;
  text.addEventListener("input", () => {
    sessionStorage.setItem(draft, text.value);
    if (Date.now() - told > 3000) {
      told = Date.now();
      post(typing, {}).catch(() => {});
    }
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) reply.requestSubmit();
  });
  // Whether it has arrived isn't known until an answer comes: until then it is kept, under the name that it was sent by.
  const sent = `sent:${contact}`;
  const key = reply.elements.key;
  if (text.value) key.value = sessionStorage.getItem(sent) ?? key.value;
  const fault = document.getElementById("reply-fault");
  let sending = false;
  reply.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    sessionStorage.setItem(sent, key.value);
    try {
      const answer = await fetch(reply.action, { method: "POST", body: new FormData(reply), credentials: "same-origin", redirect: "error", headers: { Accept: "application/json" } });
      const told = await answer.json();
      if (answer.ok) {
        for (const name of [draft, sent]) sessionStorage.removeItem(name);
        return window.location.assign(told.go);
      }
      fault.textContent = told.error;
    } catch {
      fault.textContent = t("That didn't work. Try again.");
    }
    fault.hidden = false;
    sending = false;
  });
  document.getElementById("files").addEventListener("change", ({ target }) => {
    const shown = reply.querySelector("[data-files]");
    shown.textContent = [...target.files].map((file) => file.name).join(", ") || shown.dataset.files;
  });
  const canned = document.getElementById("canned");
  const insert = () => {
    if (!canned?.value) return;
    text.setRangeText(canned.value, text.selectionStart, text.selectionEnd, "end");
    canned.value = "";
    text.dispatchEvent(new Event("input"));
    text.focus();
  };
  canned?.addEventListener("change", insert);
  insert(); // what was chosen before this script was there
}

if (document.body.dataset.shortcuts === "on") {
  document.addEventListener("keydown", (event) => {
    if ((event.key !== "j" && event.key !== "k") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const links = [...document.querySelectorAll("#threads a")];
    const here = links.findIndex((link) => link === document.activeElement || link.hasAttribute("aria-current"));
    const focused = links.indexOf(document.activeElement);
    const from = focused >= 0 ? focused : here;
    links[Math.min(links.length - 1, Math.max(0, from + (event.key === "j" ? 1 : -1)))]?.focus();
  });
}
