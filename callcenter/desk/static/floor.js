// The live floor: the state is asked for at each event and every LOOK milliseconds; what changed is written into the
// rows that are there, so that focus and scrolling stay.
import { PATIENCE, fetchFragment, post, t } from "./fragments.js";
import { Live } from "./live.js";

const LOOK = 700;
const SOON = 400;
const DRAINED = 600; // events reach the database, where the day's figures are counted, a moment after they are told
const by = (id) => document.getElementById(id);
const place = by("floor");
const { state: stateUrl, base, ticket, customers, control } = place.dataset;
const locale = document.documentElement.lang;
const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
const time = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "short" });
let state = { queues: [], agents: [], waiting: [], calls: [], callbacks: [], alerts: [], emergencies: null, skills: [], words: {} };
let drift = 0;
let chosen = null;

const word = (name) => state.words[name] ?? name;
const now = () => Date.now() / 1000 + drift;
function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const rest = `${String(Math.floor(whole / 60) % 60).padStart(whole < 3600 ? 1 : 2, "0")}:${String(whole % 60).padStart(2, "0")}`;
  return whole < 3600 ? rest : `${Math.floor(whole / 3600)}:${rest}`;
}
const share = (value) => (value === null ? "–" : percent.format(value));

// A cell is text, or parts of {text, since, chip, href, dim, big}.

const who = (one) => [
  { text: one.name || one.caller || t("Unknown"), href: one.customer ? `${customers}${one.customer}` : "" },
  ...(one.name && one.caller ? [{ text: one.caller, dim: true }] : []),
];
const kinds = { idle: "good", ringing: "warn", busy: "open", wrap_up: "warn", unavailable: "", paused: "", offered: "warn", accepted: "good" };

function levelKind(queue) {
  if (queue.service_level === null) return "";
  return queue.service_level >= queue.level_wanted ? "good" : "bad";
}

const late = (queue) => state.alerts.some((alert) => alert.queue === queue.name && "longest_wait" in alert.limits);
const staffed = (queue) => Object.values(queue.agents).reduce((sum, count) => sum + count, 0);

const boards = {
  queues: {
    key: (one) => one.name,
    title: (one) => one.label,
    cells: (one) => [
      [{ text: one.label }, ...(one.closed ? [{ text: t("closed"), chip: "bad" }] : one.open_hours ? [] : [{ text: t("outside its hours"), chip: "" }])],
      [{ text: one.waiting, big: true }],
      one.longest_since === null ? "–" : [{ since: one.longest_since, chip: late(one) ? "bad" : now() - one.longest_since > one.level_seconds ? "warn" : "plain" }],
      one.estimate === null ? "–" : `≈ ${clock(one.estimate)}`,
      [{ text: share(one.service_level), chip: levelKind(one) }, { text: t("%(share)s in %(seconds)s s").replace("%(share)s", percent.format(one.level_wanted)).replace("%(seconds)s", one.level_seconds), dim: true }],
      one.answered,
      one.abandoned,
      one.promises ? [{ text: `${clock(one.promised)} / ${clock(one.actual)}` }, { text: `${share(one.promise_kept)} ${t("kept")}`, dim: true }] : "–",
      [{ text: `${one.agents.idle ?? 0} / ${staffed(one)}` }, { text: t("free"), dim: true }],
    ],
  },
  agents: {
    key: (one) => one.id,
    title: (one) => one.name,
    cells: (one) => [
      one.name,
      [{ text: word(one.state), chip: kinds[one.state] ?? "" }, ...(one.reason ? [{ text: one.reason, dim: true }] : [])],
      [{ since: one.since }],
      one.contacts.map((contact) => ({ text: word(contact.medium), dim: contact.state === "wrap_up" })),
      [
        ...one.skills.map((skill) => ({ text: `${skill.name} ${skill.level}`, chip: skill.level === skill.usual ? "" : "warn" })),
        ...(one.skills_until ? [{ text: t("today"), dim: true }] : []),
      ],
    ],
  },
  waiting: {
    key: (one) => one.contact,
    title: (one) => one.name || one.caller || t("Unknown"),
    cells: (one) => [who(one), [{ text: one.label }, { text: word(one.medium), dim: true }], [{ since: one.since }, ...(one.state === "waiting" ? [] : [{ text: word(one.state), chip: kinds[one.state] ?? "" }])], one.priority],
  },
  calls: {
    key: (one) => one.contact,
    title: (one) => `${one.name || one.caller || t("Unknown")} – ${one.agent_name}`,
    cells: (one) => [who(one), one.agent_name, one.label, [{ since: one.since }]],
  },
  callbacks: {
    key: (one) => one.contact,
    cells: (one) => [
      [...who(one), ...(one.number === one.caller ? [] : [{ text: one.number, dim: true }])],
      one.label,
      one.state !== "waiting" ? [{ text: word(one.state), chip: "warn" }] : !one.at ? t("when its turn comes") : one.at <= now() ? [{ text: t("now"), chip: "warn" }] : time.format(one.at * 1000),
      one.attempts,
    ],
  },
};

// Writing what changed.

function part({ text, since, chip, href, dim, big }) {
  const made = document.createElement(href ? "a" : "span");
  if (href) made.href = href;
  if (chip !== undefined && chip !== "plain") made.className = `chip ${chip}`;
  if (dim) made.className = "dim";
  if (big) made.className = "big-number";
  if (since !== undefined) {
    made.dataset.since = since;
    made.classList.add("timer");
  }
  made.textContent = since === undefined ? text : clock(now() - since);
  return made;
}

function fill(cell, content) {
  const parts = Array.isArray(content) ? content : [{ text: content ?? "" }];
  const signature = JSON.stringify(parts);
  if (cell.dataset.was === signature) return;
  cell.dataset.was = signature;
  cell.replaceChildren(...parts.flatMap((one, number) => (number ? [" ", part(one)] : [part(one)])));
}

function show(name, list, beyond = 0) {
  const { key, cells, title } = boards[name];
  const body = by(name).tBodies[0];
  const known = new Map([...body.rows].filter((row) => row.dataset.key !== undefined).map((row) => [row.dataset.key, row]));
  body.querySelector(".nothing").hidden = list.length > 0;
  by(`${name}-count`).textContent = list.length + beyond || "";
  let before = body.querySelector(".nothing");
  for (const one of list) {
    const contents = cells(one);
    let row = known.get(String(key(one)));
    known.delete(String(key(one)));
    if (!row) {
      row = document.createElement("tr");
      row.dataset.key = key(one);
      row.append(...contents.map(() => document.createElement("td")));
      if (control && title) row.insertCell().append(button(name, title(one)));
    }
    contents.forEach((content, number) => fill(row.cells[number], content));
    if (before.nextElementSibling !== row) before.after(row);
    before = row;
  }
  for (const row of known.values()) row.remove();
}

function button(name, title) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.textContent = "⋯";
  made.dataset.board = name;
  made.setAttribute("aria-label", `${t("Actions")}: ${title}`);
  made.setAttribute("aria-haspopup", "dialog");
  return made;
}

function alerts() {
  const found = [];
  if (state.all_closed) found.push(t("All queues are closed."));
  for (const alert of state.alerts) found.push(`${alert.label}: ${alert.text}`);
  const list = by("alerts");
  if (list.dataset.was === JSON.stringify(found)) return;
  list.dataset.was = JSON.stringify(found);
  list.replaceChildren(...found.map((text) => Object.assign(document.createElement("li"), { className: "notice fault", textContent: text })));
}

// What is announced was there when the page was made; a change of it is fetched.
const announced = by("emergencies");
let fetching = false;
async function emergencies() {
  const there = [...announced.querySelectorAll("[data-emergency]")].map((one) => one.dataset.emergency).sort();
  if (fetching || state.emergencies === null || there.join() === state.emergencies.join()) return;
  fetching = true;
  try {
    announced.replaceChildren(await fetchFragment(announced.dataset.from));
  } catch {
    return; // the next look tries again
  } finally {
    fetching = false;
  }
}

function showAll() {
  place.dataset.ready = "yes"; // until then nothing is shown that would jump away
  show("queues", state.queues);
  show("agents", state.agents);
  show("waiting", state.waiting, state.waiting_beyond);
  show("calls", state.calls);
  show("callbacks", state.callbacks, state.callbacks_beyond);
  alerts();
  emergencies();
  const all = by("all");
  if (all) {
    all.hidden = !state.queues.length;
    all.textContent = t(state.all_closed ? "Reopen all queues" : "Close all queues");
    all.classList.toggle("danger", !state.all_closed);
  }
}

// Asking.

let asking = false, again = false, asked = 0;
async function look() {
  if (asking) { again = true; return; }
  asking = true;
  asked = performance.now();
  try {
    const response = await fetch(stateUrl, { credentials: "same-origin", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) });
    if (response.status === 401) return window.location.reload();
    const told = await response.json();
    fault(response.ok ? "" : told.error);
    if (response.ok) {
      state = told;
      drift = state.now - Date.now() / 1000;
      showAll();
    }
  } catch {
    fault(t("Connection lost. Trying again…"));
  } finally {
    asking = false;
    if (again) { again = false; soon(); }
  }
}

let waiting = null, drained = null;
function soon() {
  waiting ??= setTimeout(() => { waiting = null; look(); }, SOON);
}
function heard({ topic }) {
  if (topic !== "floor") return;
  soon();
  drained ??= setTimeout(() => { drained = null; look(); }, DRAINED);
}

let wrong = "";
function fault(text, stays = "") {
  wrong = stays || wrong;
  if (text || wrong) place.dataset.ready = "yes";
  by("fault").textContent = text || wrong;
  by("fault").hidden = !(text || wrong);
}

setInterval(() => document.hidden || performance.now() - asked < LOOK || look(), LOOK / 7);
setInterval(() => {
  for (const timer of place.querySelectorAll("[data-since]")) {
    const text = clock(now() - timer.dataset.since);
    if (timer.textContent !== text) timer.textContent = text;
  }
}, 250);
new Live(ticket, {}, heard, look);
look();

// Doing.

let saying = null;
async function send(path, body) {
  wrong = "";
  by("said").hidden = true;
  try {
    const response = await post(`${base}/${path}`, body);
    const told = await response.json();
    fault("", response.ok ? "" : told.error);
    if (response.ok) {
      by("said").textContent = t("Done.");
      by("said").hidden = false;
      clearTimeout(saying);
      saying = setTimeout(() => (by("said").hidden = true), 2500);
    }
  } catch {
    fault("", t("That didn't work. Try again."));
  }
  look();
}

place.addEventListener("click", ({ target }) => {
  const pressed = target.closest("button[data-board]");
  if (!pressed) return;
  const { board } = pressed.dataset;
  chosen = state[board].find((one) => String(boards[board].key(one)) === pressed.closest("tr").dataset.key);
  if (!chosen) return;
  by(`do-${board}-title`).textContent = boards[board].title(chosen);
  if (board === "waiting") {
    document.querySelector('#do-waiting [name="priority"]').value = chosen.priority;
    document.querySelector('#do-waiting [name="queue"]').value = chosen.queue;
  }
  if (board === "agents") {
    by("skill-levels").replaceChildren(...state.skills.map(level));
    document.querySelector('#do-agents [name="to"]').value = "available";
  }
  for (const why of document.querySelectorAll(`#do-${board} [name="why"]`)) why.value = "";
  by(`do-${board}`).showModal();
});

function level(name) {
  const known = chosen.skills.find((skill) => skill.name === name);
  const label = document.createElement("label");
  const field = Object.assign(document.createElement("input"), { name: `skill_${name}`, type: "number", min: 0, max: 10, required: true, value: known?.level ?? 0 });
  label.append(name, field);
  if (known && known.level !== known.usual) label.append(Object.assign(document.createElement("small"), { className: "dim", textContent: `${t("usually")} ${known.usual}` }));
  return label;
}

// A chosen prompt is shown in place of the words to be written.
by("emergency-prompt")?.addEventListener("change", ({ target }) => {
  for (const one of document.querySelectorAll("#do-emergency [data-prompt]")) one.hidden = one.dataset.prompt !== target.value;
});

const paths = {
  priority: () => `contacts/${chosen.contact}/priority`,
  move: () => `contacts/${chosen.contact}/move`,
  order: () => `calls/${chosen.contact}/order`,
  end: () => `calls/${chosen.contact}/end`,
  presence: () => "agents/presence",
  skills: () => "agents/skills",
  usual: () => "agents/skills",
  sign_out: () => "agents/sign_out",
  switch: () => "switch",
};
document.addEventListener("submit", (event) => {
  const what = event.target.dataset.do;
  if (!what || !paths[what]) return;
  event.preventDefault();
  const body = Object.fromEntries(new FormData(event.target, event.submitter));
  if (["sign_out", "presence", "skills", "usual"].includes(what)) body.agent = chosen.id;
  if (what === "switch") body.queue = chosen.name;
  event.target.closest("dialog").close();
  send(paths[what](), body);
}, true);

by("all")?.addEventListener("click", ({ currentTarget }) => {
  const { close, reopen } = currentTarget.dataset;
  if (window.confirm(state.all_closed ? reopen : close)) send("switch", { queue: "*", to: state.all_closed ? "open" : "closed" });
});
