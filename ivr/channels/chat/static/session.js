// The conversation with the server: tickets by HTTP, everything else by WebSocket. Whatever is cut off is taken up
// again: a message is kept until the server says that it has it, and has an id, so that it counts once.

const KEY = "callwright-chat";
const PING = 25000, SILENCE = 12000, ACK = 12000, LONGEST = 30000;

const store = {
  get(area, key) {
    try { return JSON.parse(area().getItem(key) ?? "null"); } catch { return null; }
  },
  set(area, key, value) {
    try { value === null ? area().removeItem(key) : area().setItem(key, JSON.stringify(value)); } catch { /* blocked */ }
  },
};
const bytes = () => crypto.getRandomValues(new Uint8Array(16));
const newId = () => [...bytes()].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const long = () => localStorage, short = () => sessionStorage;

export class Session extends EventTarget {
  /** `base` is the web server's address; events: status, thread, typing, refused, proof, ended, left,
   *  link. */
  constructor(base) {
    super();
    this.base = base;
    this.status = "idle"; // connecting, ready, offline
    this.info = {};
    this.token = null;
    this.login = 0; // counts who signed in and out
    this.pending = store.get(short, KEY) ?? [];
    this.messages = new Map();
    this.state = {};
    this.failures = 0;
    this.seen = { delivered: new Set(), read: new Set() };
    addEventListener("online", () => this.wanted && this.connect());
    addEventListener("offline", () => this.drop());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.wanted && this.status === "offline") this.connect();
    });
  }

  /** Whether this browser has talked to us before. */
  get remembered() { return Boolean(store.get(long, KEY)); }

  tell(kind, detail) { this.dispatchEvent(new CustomEvent(kind, { detail })); }

  become(status) {
    if (this.status === status) return;
    this.status = status;
    this.tell("status", status);
  }

  /** One ticket at a time: two asked for at once would make two visitors of one who is new here. */
  ticket() {
    const before = this.asked;
    return (this.asked = Promise.allSettled([before]).then(() => this.askTicket()));
  }

  async askTicket() {
    const { login, link } = this;
    const answer = await fetch(`${this.base}/chat/ticket`, {
      method: "POST", credentials: "omit", referrerPolicy: "no-referrer",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ visitor: store.get(long, KEY)?.visitor, token: this.token || undefined,
        link: link || undefined }),
      signal: AbortSignal.timeout(15000),
    });
    if (!answer.ok) throw new Error(`ticket: ${answer.status}`);
    const info = await answer.json();
    // Who has signed in or out meanwhile is somebody else, and a link that was followed is wanted now.
    if (login !== this.login || link !== this.link) return this.askTicket();
    store.set(long, KEY, { visitor: info.visitor });
    if (link) this.tell("link", info.link);
    this.link = null;
    return info;
  }

  async connect() {
    this.wanted = true;
    clearTimeout(this.later);
    if (this.socket || this.busy) return;
    this.busy = true;
    if (this.status !== "offline") this.become("connecting");
    try {
      this.info = await this.ticket();
      this.open(this.info);
    } catch {
      this.again();
    } finally {
      this.busy = false;
    }
  }

  open({ url, ticket }) {
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ kind: "hello", ticket }));
    socket.onmessage = ({ data }) => this.socket === socket && this.heard(JSON.parse(data));
    socket.onclose = ({ code }) => this.socket === socket && this.lost(code);
    this.listen();
  }

  /** Ask whether the server is there when nothing has been heard for a while, and give up when it isn't. */
  listen() {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      this.say("ping");
      this.quiet = setTimeout(() => this.drop(), SILENCE);
    }, this.status === "ready" ? PING : SILENCE);
  }

  drop() {
    const socket = this.socket;
    if (!socket) return;
    this.lost(0);
    socket.close();
  }

  lost(code) {
    this.socket = null;
    clearTimeout(this.quiet);
    clearTimeout(this.unacknowledged);
    this.unacknowledged = null;
    if (this.wanted) this.again(code === 1012 ? Math.random() * 3000 : undefined);
  }

  again(wait) {
    this.become("offline");
    const delay = wait ?? Math.min(LONGEST, 500 * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.failures += 1;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.connect(), delay);
  }

  say(kind, data = {}, id = "") {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ kind, id, data }));
    return true;
  }

  heard({ kind, id, data }) {
    this.listen();
    if (kind === "thread") this.thread(data);
    else if (kind === "ack") this.acknowledged(id, data);
    else if (kind === "error") this.refused(id, data.reason);
    else if (["typing", "proof", "ended", "left"].includes(kind)) this.tell(kind, data);
  }

  thread({ messages, state, whole }) {
    this.state = state;
    const fresh = whole ? [] : messages.filter((message) => !this.messages.has(message.id));
    if (whole) this.messages.clear();
    for (const message of messages) {
      this.messages.set(message.id, message);
      if (message.client) this.settle(message.client);
    }
    if (whole) {
      this.failures = 0;
      this.become("ready");
      this.pending.forEach((message) => !message.failed && this.transmit(message));
    }
    this.tell("thread", { whole, fresh });
  }

  /** All there is to show, in order: what the server has, then what it doesn't have yet. */
  get shown() {
    const had = [...this.messages.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
    return [...had, ...this.pending.map(({ id, text, label, file, failed }) =>
      ({ id, by: "you", text, label, pending: true, failed, files: file ? [file] : undefined }))];
  }

  send(text, label) {
    const message = { id: newId(), text, label };
    this.pending.push(message);
    this.keep();
    this.transmit(message);
    this.tell("thread", { fresh: [] });
    this.connect();
  }

  transmit(message) {
    if (this.status !== "ready" || message.file || !this.say("message", { text: message.text }, message.id)) return;
    this.unacknowledged ??= setTimeout(() => this.drop(), ACK);
  }

  acknowledged(id) {
    const message = this.pending.find((one) => one.id === id);
    if (message) message.stored = true; // shown as ours until the thread has it
    if (this.pending.every((one) => one.stored || one.failed)) {
      clearTimeout(this.unacknowledged);
      this.unacknowledged = null;
    }
  }

  refused(id, reason) {
    const message = this.pending.find((one) => one.id === id);
    if (!message) return this.tell("refused", reason);
    message.failed = reason;
    this.acknowledged(id);
    this.keep();
    this.tell("thread", { fresh: [] });
  }

  retry(id) {
    const message = this.pending.find((one) => one.id === id);
    if (!message) return;
    message.failed = undefined;
    this.transmit(message);
    this.tell("thread", { fresh: [] });
  }

  settle(id) {
    const before = this.pending.length;
    this.pending = this.pending.filter((message) => message.id !== id);
    if (this.pending.length === before) return;
    this.acknowledged(id);
    this.keep();
  }

  keep() {
    const texts = this.pending.filter((message) => !message.file);
    store.set(short, KEY, texts.length ? texts : null);
  }

  async upload(file) {
    const message = { id: newId(), text: "", file: { name: file.name, size: file.size } };
    this.pending.push(message);
    this.tell("thread", { fresh: [] });
    const form = new FormData();
    form.append("id", message.id);
    form.append("file", file, file.name);
    try {
      if (file.size > (this.info.largest ?? Infinity)) throw new Error("too_large");
      const { ticket } = await this.ticket();
      const answer = await fetch(`${this.base}/chat/files`, {
        method: "POST", body: form, credentials: "omit", headers: { Authorization: `Bearer ${ticket}` },
      });
      if (answer.status === 413) throw new Error("too_large");
      if (answer.status === 429) throw new Error("too_often");
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? "failed");
      message.stored = true;
    } catch (error) {
      this.refused(message.id, error.message in { too_large: 1, too_often: 1, type: 1, empty: 1, program: 1 }
        ? error.message : "failed");
      message.file.again = () => { this.settle(message.id); this.upload(file); };
    }
    this.connect();
  }

  /** Report what the visitor has, or has read. */
  report(read) {
    const done = this.seen[read ? "read" : "delivered"];
    const ids = [...this.messages.values()].filter(({ id, by }) => by !== "you" && !done.has(id)).map(({ id }) => id);
    if (ids.length && this.say("seen", { ids, read })) ids.forEach((id) => done.add(id));
  }

  /** Go on with what a link to the chat is about: its ticket is used with the next connection. */
  follow(link) {
    this.link = link;
    if (this.socket) { this.drop(); this.connect(); }
  }

  /** Who the visitor is, by the company's own login; "" forgets it, and whatever was said. */
  identify(token) {
    this.token = token;
    this.login += 1;
    if (!token) {
      store.set(long, KEY, null);
      this.pending = [];
      this.messages.clear();
      this.keep();
    }
    if (this.wanted) { this.drop(); this.connect(); }
  }
}
