// Live events over one WebSocket: a ticket is fetched, shown in the first message, and what was missed while the
// connection was away comes after the last id that this page saw.
import { post, t } from "./fragments.js";

const LONGEST = 30_000;
const QUIET = 15_000; // after so long without a word the server is asked whether it is there
const ANSWERS = 8000;

export class Live {
  #after = {};
  #tries = 0;
  #stopped = false;

  // `wanted` are topics beside those that the ticket is for anyway: {contact: id}. `hear(event)` gets {kind, topic, data};
  // `caughtUp()` is called when the page should read everything again.
  constructor(ticketUrl, wanted, hear, caughtUp) {
    Object.assign(this, { ticketUrl, wanted, hear, caughtUp });
    window.addEventListener("online", () => (this.up ? this.#ask() : this.connect()));
    window.addEventListener("offline", () => this.up && this.#ask());
    setInterval(() => this.up && performance.now() - this.#heardAt > QUIET && this.#ask(), QUIET / 3);
    this.connect();
  }

  // A network that is gone closes nothing: who doesn't answer is left.
  #heardAt = 0;

  #ask() {
    const socket = this.#socket;
    const asked = performance.now();
    if (socket.readyState === 1) socket.send(JSON.stringify({ id: "ping", kind: "ping" }));
    setTimeout(() => socket === this.#socket && this.#heardAt < asked && this.#again(), ANSWERS);
  }

  #socket = null;

  // Whether what happens is heard at once. While it isn't, a page asks more often.
  up = false;

  #connecting = false;

  async connect() {
    if (this.#stopped || this.#connecting) return;
    clearTimeout(this.timer);
    this.#leave();
    this.#connecting = true;
    try {
      const response = await post(this.ticketUrl, this.wanted, { signal: AbortSignal.timeout(ANSWERS) });
      if (response.status === 401) return window.location.reload();
      if (!response.ok) throw new Error(`${response.status}`);
      const { ticket, url } = await response.json();
      if (!url) return;
      const socket = new WebSocket(`${url}/desk`);
      this.#socket = socket;
      socket.onopen = () => socket.send(JSON.stringify({ id: "hello", kind: "hello", ticket, after: this.#after }));
      socket.onmessage = ({ data }) => this.#socket === socket && this.#heard(JSON.parse(data));
      socket.onclose = () => this.#socket === socket && this.#again();
      setTimeout(() => this.#socket === socket && !this.up && this.#again(), ANSWERS);
    } catch {
      this.#again();
    } finally {
      this.#connecting = false;
    }
  }

  #leave() {
    const socket = this.#socket;
    this.#socket = null;
    this.up = false;
    socket?.close();
  }

  #heard(event) {
    this.#heardAt = performance.now();
    if (event.kind === "pong") return;
    if (event.kind === "welcome" || event.kind === "following") {
      for (const [topic, id] of Object.entries(event.data?.after ?? {})) if (id) this.#after[topic] = id;
      if (this.#tries) this.#say(t("Connected again."), 2500);
      this.caughtUp(); // the first time too: something may have happened since the page was made
      this.#tries = 0;
      this.up = true;
      return;
    }
    if (event.topic && event.id) this.#after[event.topic] = event.id;
    if (event.kind === "missed" || event.kind === "reload") this.caughtUp();
    else if (event.kind === "evaluation") this.#say(t("An evaluation of yours has news: see Quality."), 30_000);
    else this.hear(event);
  }

  #again() {
    this.#leave();
    clearTimeout(this.timer);
    if (this.#tries === 1) this.#say(t("Connection lost. Trying again…"));
    // Spread: after a restart of the server hundreds of pages come at once.
    const wait = Math.min(LONGEST, 1000 * 2 ** this.#tries) * (0.3 + 1.2 * Math.random());
    this.#tries += 1;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  #say(text, forMilliseconds) {
    const line = document.getElementById("live-state");
    line.textContent = text;
    line.hidden = false;
    clearTimeout(this.saying);
    if (forMilliseconds) this.saying = setTimeout(() => (line.hidden = true), forMilliseconds);
  }

  close() {
    this.#stopped = true;
    clearTimeout(this.timer);
    this.#leave();
  }
}
