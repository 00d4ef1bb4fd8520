// The agent's place of work: presence, offers, calls and wrap-up stay while pages change in the frame below.
import { PATIENCE, csrf, fetchFragment, post, t } from "./fragments.js";
import { Live } from "./live.js";
import { askForPayment, chosenPayment, showPayment } from "./payment.js";
import { Phone } from "./phone.js";

const urls = document.body.dataset;
const by = (id) => document.getElementById(id);
const POLL = 4000;
const GAP = 300; // several things that happen at once are one reason to look
let status = { offers: [] };
let drift = 0;

const phone = new Phone(
  { connect: urls.phone, bye: urls.bye, headers: () => ({ "Content-Type": "application/json", "X-CSRF-Token": csrf() }) },
  by("far"),
  JSON.parse(urls.ice),
  {
    line(text, kind) { by("line").textContent = text; by("line").className = `chip ${kind}`; },
    level(value) { by("level").value = value; },
    quality(name) { by("quality").textContent = t(name); },
    elsewhere(so) { by("here").hidden = !so; },
  },
);

// What is so: asked for after every event, and now and then.

let asking = null, again = false;
function look() {
  if (asking) { again = true; return asking; }
  asking = read().catch(() => {}).finally(() => { asking = null; if (again) { again = false; look(); } });
  return asking;
}

let asked = 0;
async function read() {
  asked = performance.now();
  const response = await fetch(urls.agent, { credentials: "same-origin", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) });
  if (response.status === 401) return window.location.reload();
  if (!response.ok) return fault((await response.json()).error);
  fault("");
  status = await response.json();
  drift = status.now ? status.now - Date.now() / 1000 : 0;
  showPresence();
  if (status.phone) phone.told(status.phone.page);
  if (status.phone?.call) status.offers.unshift(direct(status.phone.call));
  await showOffers();
}

// A call of the telephone that is no offer: a colleague asks, or hands somebody over.
function direct({ id, up, contact, call, payment }) {
  return { id: "direct", medium: "voice", state: up ? "connected" : "offered", label: "", pop: {}, ring: id, contact, call, payment };
}

// Once more a little later: what an event tells may take a moment until it is in the event log.
let later = null;
function lookTwice() {
  clearTimeout(later);
  later = setTimeout(look, 700);
  return look();
}

let looked = -GAP, soon = null;
function heard(event) {
  if (event.kind === "payment") {
    const card = [...by("offers").children].find((one) => one.dataset.contact === event.data.contact);
    showPayment(card, event.data);
    if (event.data.state !== "ended") return;
  }
  clearTimeout(later);
  later = setTimeout(look, 700);
  soon ??= setTimeout(() => {
    soon = null;
    looked = performance.now();
    look();
  }, Math.max(0, looked + GAP - performance.now()));
}

function fault(text) {
  by("fault").textContent = text ?? "";
  by("fault").hidden = !text;
}

let phoneOn = false;
function showPresence() {
  const be = by("be");
  if (be.options.length === 2) for (const reason of status.reasons ?? []) be.add(new Option(reason, `unavailable ${reason}`));
  const now = status.presence === "unavailable" ? `unavailable ${status.reason}` : status.presence;
  if (![...be.options].some((option) => option.value === now)) be.add(new Option(status.reason || t("unavailable"), now));
  if (document.activeElement !== be) be.value = now;
  by("state").textContent = t(status.state ?? "offline");
  by("state").className = `chip ${{ idle: "good", ringing: "warn", busy: "open", wrap_up: "warn" }[status.state] ?? ""}`;
  const wanted = status.device === "desk" && status.presence !== "offline";
  by("telephone").hidden = !wanted;
  if (wanted !== phoneOn) {
    phoneOn = wanted;
    if (wanted) phone.start().then(microphones);
    else phone.stop();
  }
}

async function microphones() {
  const found = (await navigator.mediaDevices?.enumerateDevices() ?? []).filter((one) => one.kind === "audioinput");
  by("microphone").replaceChildren(...found.map((one) => new Option(one.label || one.deviceId, one.deviceId)));
}

async function showOffers() {
  const place = by("offers");
  const known = new Map([...place.children].map((card) => [card.dataset.offer, card]));
  for (const offer of status.offers) {
    const card = known.get(offer.id);
    known.delete(offer.id);
    const signature = `${offer.state} ${offer.preview} ${offer.ring} ${JSON.stringify(offer.pop).length} ${JSON.stringify(offer.call)}`;
    if (card?.dataset.signature === signature) {
      showPayment(card, offer.payment);
      continue;
    }
    const fragment = await fetchFragment(offer.ring ? `${urls.direct}card` : `${urls.offers}${offer.id}/card`).catch(() => null);
    const fresh = fragment?.querySelector("[data-offer]");
    if (!fresh) continue;
    fresh.dataset.signature = signature;
    showPayment(fresh, offer.payment);
    const { state } = fresh.dataset; // a moment newer than the offer's: something may have happened in between
    fresh.dataset.since ??= card?.dataset.state === state ? card.dataset.since : Date.now() / 1000 + drift;
    const more = fresh.querySelector(".more");
    if (more) more.open = Boolean(card?.querySelector(".more")?.open);
    const note = fresh.querySelector('[name="note"]');
    if (note) note.value = sessionStorage.getItem(`note:${offer.id}`) ?? "";
    const code = fresh.querySelector('[name="code"]');
    if (code) code.value = card?.querySelector('[name="code"]')?.value ?? "";
    replace(card, fresh, place);
    showMute();
    if (state === "offered" && !card) called(offer, fresh);
    if (state === "wrap_up" && card && card.dataset.state !== "wrap_up" && !writing()) (code ?? note)?.focus();
    if (offer.contact && state === "connected" && card?.dataset.state !== "connected") open(`${urls.work.replace(/work$/, "")}contacts/${offer.contact}`);
  }
  for (const card of known.values()) card.remove();
  if (phone.muted && !document.querySelector("[data-mute]")) phone.mute(false);
  ring(status.offers.some((offer) => offer.state === "offered"));
}

// A card as it is now, in the place of what it was: who was at one of its fields or buttons is there still.
function replace(card, fresh, place) {
  if (!card) return place.prepend(fresh);
  const at = card.contains(document.activeElement) ? document.activeElement : null;
  const caret = at?.matches("input") ? [at.selectionStart, at.selectionEnd] : null;
  card.replaceWith(fresh);
  const same = at && fresh.querySelector(at.name ? `[name="${at.name}"]` : `[data-key="${at.dataset.key}"]`);
  same?.focus();
  if (same && caret) same.setSelectionRange(...caret);
}

// Whether keys go into a field now, here or on the page below: they stay there, whatever comes.
function writing() {
  const at = document.activeElement === frame ? frame.contentDocument?.activeElement : document.activeElement;
  return Boolean(at?.matches("input, textarea, select:not(#be)"));
}

function called(offer, card) {
  if (!writing()) card.querySelector("[data-do=accept], [data-do=call]")?.focus();
  if (document.hidden && window.Notification?.permission === "granted") {
    const note = new Notification(card.querySelector("h2").textContent.trim(), { body: offer.label, tag: offer.id });
    note.onclick = () => window.focus();
  }
}

// A quiet two-tone ring while something is offered.
let sound = null, ringing = null;
function ring(on) {
  if (on === Boolean(ringing)) return;
  clearInterval(ringing);
  ringing = null;
  if (!on) return;
  const strike = () => {
    sound ??= new AudioContext();
    [660, 880].forEach((pitch, number) => {
      const tone = sound.createOscillator(), volume = sound.createGain(), at = sound.currentTime + number * 0.18;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.12, at);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.4);
      tone.connect(volume).connect(sound.destination);
      tone.start(at);
      tone.stop(at + 0.45);
    });
  };
  strike();
  ringing = setInterval(strike, 2500);
}

setInterval(() => {
  const now = Date.now() / 1000 + drift;
  for (const card of by("offers").children) card.querySelector(".timer").textContent = clock(now - card.dataset.since);
  by("since").textContent = status.since ? clock(now - status.since) : "";
}, 500);

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// What the agent does.

async function send(url, body) {
  try {
    const response = await post(url, body);
    const told = await response.json();
    fault(response.ok ? "" : told.error);
    return response.ok ? told : null;
  } catch {
    fault(t("That didn't work. Try again."));
    return null;
  } finally {
    lookTwice();
  }
}

const order = (card, verb, args = {}) => send(`${urls.calls}${card.dataset.contact}/order`, { verb, args: JSON.stringify(args) });

by("be").addEventListener("change", ({ target }) => {
  const [presence, reason = ""] = target.value.split(" ");
  if (presence === "available") window.Notification?.requestPermission();
  send(urls.presence, { presence, reason });
});
by("microphone").addEventListener("change", ({ target }) => phone.start(target.value));
by("here").addEventListener("click", () => phone.take());
by("sheet").addEventListener("click", () => by("help").showModal());

function showMute() {
  for (const button of document.querySelectorAll("[data-mute]")) button.setAttribute("aria-pressed", phone.muted);
}

let current = null;
by("offers").addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  const card = target.closest("[data-offer]");
  if (!button || !card || button.form) return;
  const { do: what, verb, dialog, go } = button.dataset;
  if ("mute" in button.dataset) {
    phone.mute(!phone.muted);
    showMute();
  }
  if (what) {
    if ((what === "accept" || what === "call") && card.dataset.medium === "voice" && status.phone) await phone.take();
    const ours = { accept: "answer", reject: "hang_up" }[what];
    const told = await send(card.dataset.offer === "direct" ? `${urls.direct}${ours}` : `${urls.offers}${card.dataset.offer}/${what}`, {});
    if (told?.go) open(told.go);
  }
  if (verb) order(card, verb);
  if (go) open(go);
  if (dialog) {
    current = card;
    if (dialog === "transfer") await targets();
    if (dialog === "payment") await askForPayment(`${urls.calls}${card.dataset.contact}/bills`);
    by(dialog).showModal();
  }
});
by("offers").addEventListener("submit", (event) => {
  event.preventDefault();
  const card = event.target.closest("[data-offer]");
  if (event.target.dataset.do === "skip") {
    send(`${urls.offers}${card.dataset.offer}/skip`, { reason: new FormData(event.target).get("reason") });
    return;
  }
  const { code, note } = Object.fromEntries(new FormData(event.target));
  const kept = `note:${card.dataset.offer}`;
  send(`${urls.offers}${card.dataset.offer}/done`, { code: code ?? "", note: note ?? "" })
    .then((told) => told && sessionStorage.removeItem(kept));
});
by("offers").addEventListener("input", ({ target }) => {
  if (target.name === "note") sessionStorage.setItem(`note:${target.closest("[data-offer]").dataset.offer}`, target.value);
});
by("keypad").addEventListener("click", ({ target }) => target.dataset.digit && order(current, "digits", { digits: target.dataset.digit }));

async function targets() {
  const response = await fetch(`${urls.agent}/targets`, { credentials: "same-origin", headers: { Accept: "application/json" } }).catch(() => null);
  if (!response?.ok) fault(t("That didn't work. Try again."));
  const { queues, agents } = response?.ok ? await response.json() : {};
  const group = (label, kind, entries) => {
    const made = document.createElement("optgroup");
    made.label = t(label);
    made.append(...Object.entries(entries ?? {}).map(([id, name]) => new Option(name, `${kind} ${id}`)));
    return made;
  };
  by("transfer-to").replaceChildren(group("Queue", "queue", queues), group("Agent", "agent", agents));
}
by("transfer-form").addEventListener("submit", (event) => {
  const verb = event.submitter.value;
  if (!verb) return;
  const { to, number } = Object.fromEntries(new FormData(event.target));
  const [kind, id] = to.split(" ");
  order(current, verb, { to: number.trim() ? { number: number.trim() } : { [kind]: id } });
  event.target.reset();
});

by("payment-form").addEventListener("submit", (event) => {
  const args = chosenPayment(event.submitter);
  if (args) order(current, "pay", args);
});

// The frame below: its address and title are the page's, and the bar's keys work there too.

const frame = by("page");
function open(path) {
  if (frame.contentWindow.location.pathname !== path) frame.contentWindow.location = path;
}
frame.addEventListener("load", () => {
  const inside = frame.contentDocument;
  if (!inside) return;
  if (inside.location.pathname === "/desk/login") return window.location.reload();
  document.title = inside.title;
  history.replaceState(null, "", `${urls.work}?at=${encodeURIComponent(inside.location.pathname)}`);
  inside.documentElement.dataset.framed = "yes";
  inside.addEventListener("keydown", keys);
  document.documentElement.dataset.theme = inside.documentElement.dataset.theme;
});

function keys(event) {
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  if (document.querySelector("dialog[open]")) return;
  // With Alt some keyboards write other signs: then the key's place counts.
  const key = /^[a-z/]$/.test(event.key) ? event.key : event.code.replace(/^Key/, "").toLowerCase();
  const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.matches("select")) target.focus();
  else target.click();
}
document.addEventListener("keydown", keys);

// What happens is told; asking without a reason is for what isn't, and says that this desk is there.
const live = new Live(urls.ticket, {}, heard, look);
setInterval(() => {
  const calm = live.up && status.again && !status.offers.length;
  if (performance.now() - asked >= (calm ? 1000 * status.again : POLL)) look();
}, 1000);
look();
