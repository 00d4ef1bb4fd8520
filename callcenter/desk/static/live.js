// Live events over one WebSocket: a ticket is fetched, shown in the first message, and what was missed while the
// connection was away comes after the last id that this page saw.
import { post, t } from "./fragments.js";

const LONGEST = 30_000;

export class Live {
  #after = {};
  #tries = 0;
  #stopped = false;

  // `wanted` are topics beside the agent's own: {contact: id, floor: "yes"}. `hear(event)` gets {kind, topic, data};
  // `caughtUp()` is called when the page should read everything again.
  constructor(ticketUrl, wanted, hear, caughtUp) {
    Object.assign(this, { ticketUrl, wanted, hear, caughtUp });
    window.addEventListener("online", () => this.#socket?.readyState > 1 && this.connect());
    this.connect();
  }

  #socket = null;

  // Whether what happens is heard at once. While it isn't, a page asks more often.
  up = false;

  async connect() {
    if (this.#stopped) return;
    clearTimeout(this.timer);
    try {
      const response = await post(this.ticketUrl, this.wanted);
      if (response.status === 401 || response.redirected) return window.location.reload();
      const { ticket, url } = await response.json();
      if (!url) return;
      const socket = new WebSocket(`${url}/desk`);
      this.#socket = socket;
      socket.onopen = () => socket.send(JSON.stringify({ id: "hello", kind: "hello", ticket, after: this.#after }));
      socket.onmessage = ({ data }) => this.#heard(JSON.parse(data));
      socket.onclose = () => this.#again();
    } catch {
      this.#again();
    }
  }

  #heard(event) {
    if (event.kind === "welcome" || event.kind === "following") {
      for (const [topic, id] of Object.entries(event.data?.after ?? {})) if (id) this.#after[topic] = id;
      if (this.#tries) this.#say(t("Connected again."), 2500);
      if (this.#tries || event.kind === "following") this.caughtUp();
      this.#tries = 0;
      this.up = true;
      return;
    }
    if (event.topic && event.id) this.#after[event.topic] = event.id;
    if (event.kind === "missed" || event.kind === "reload") this.caughtUp();
    else this.hear(event);
  }

  #again() {
    this.up = false;
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
    this.#socket?.close();
  }
}
