// The chat for a page: <script type="module" src="https://…/chat/widget.js"></script>. What the script element may
// have: data-language, data-color, data-theme, data-side, data-title, data-greeting, data-token, data-open.
// The page may call open(), close(), identify(token) and goOn(link) of the <callwright-chat> element, at any time: until
// the words have come there is nothing to see, and what was called is done then.
import { h, icon } from "./dom.js";
import { Forms } from "./forms.js";
import { Log } from "./log.js";
import { Session } from "./session.js";
import { inkOn, sheet } from "./style.js";
import { fill, words } from "./words.js";

const script = [...document.scripts].find(({ src }) => src === import.meta.url);
const options = { ...script?.dataset };
const base = new URL("..", import.meta.url).href.replace(/\/$/, "");

class Chat extends HTMLElement {
  ready = new Promise((resolve) => (this.made = resolve));

  async connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    if (options.side === "left") this.setAttribute("side", "left");
    if (options.theme) this.setAttribute("theme", options.theme);
    if (options.color && CSS.supports("color", options.color)) {
      this.style.setProperty("--accent", options.color);
      this.style.setProperty("--on-accent", inkOn(options.color));
    }
    const found = await words(options.language, document.documentElement.lang, ...navigator.languages);
    this.words = found.words;
    this.lang = found.language;
    this.session = new Session(base);
    this.session.token = options.token || null;
    this.notes = [];
    this.unread = 0;
    this.build(root);
    this.listen();
    this.render();
    if (options.open !== undefined) this.open(false);
    else if (this.session.remembered) this.session.connect();
    this.made();
  }

  build(root) {
    const w = this.words;
    this.log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": w.log, tabindex: 0 });
    this.turns = new Log(w, this.session, this.log);
    this.heading = h("h2", { id: "title" }, options.title || w.title);
    this.known = h("p", { hidden: true });
    this.note = h("div", { class: "note", role: "status", hidden: true });
    this.typing = h("div", { class: "typing", role: "status" });
    this.area = h("textarea", { rows: 1, maxlength: 4000, "aria-label": w.write, placeholder: w.write,
      oninput: () => this.typed(), onkeydown: (event) => this.key(event), enterkeyhint: "send" });
    this.picker = h("input", { type: "file", hidden: true, onchange: () => this.pick() });
    const attach = h("button", { type: "button", class: "icon", "aria-label": w.attach, title: w.attach,
      onclick: () => this.picker.click() }, icon("clip"));
    const go = h("button", { class: "icon go on-accent", "aria-label": w.send, title: w.send }, icon("send"));
    this.composer = h("form", { class: "write", onsubmit: (event) => { event.preventDefault(); this.send(); } },
      attach, this.picker, this.area, go);
    this.sheet = h("div", { class: "sheet", hidden: true });
    this.menu = h("div", { class: "menu", id: "menu", hidden: true });
    this.more = h("button", { type: "button", class: "icon", "aria-label": w.menu, title: w.menu,
      "aria-expanded": "false", "aria-controls": "menu", onclick: () => this.toggleMenu() }, icon("more"));
    const close = h("button", { type: "button", class: "icon", "aria-label": w.close, title: w.close,
      onclick: () => this.close() }, icon("close"));
    this.panel = h("section", { class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
      h("div", { class: "head" }, h("div", { class: "who" }, this.heading, this.known), this.more, close),
      this.menu, this.note, this.log, this.typing, this.sheet, this.composer);
    this.badge = h("span", { class: "badge", "aria-hidden": "true", hidden: true });
    this.launch = h("button", { type: "button", class: "launch on-accent", "aria-label": w.open,
      "aria-expanded": "false", onclick: () => (this.panel.hidden ? this.open() : this.close()) }, icon("chat"));
    this.news = h("div", { class: "seen", role: "status" });
    root.append(this.panel, this.launch, this.badge, this.news);
    this.forms = new Forms(w, this.lang, this.session, this.sheet, () => {
      this.composer.hidden = false;
      this.area.focus();
    });
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.escape(event));
  }

  listen() {
    const { session } = this;
    session.addEventListener("status", () => this.render());
    session.addEventListener("thread", ({ detail }) => this.changed(detail));
    session.addEventListener("typing", ({ detail }) => this.type(detail.on));
    session.addEventListener("notice", ({ detail }) => this.say(detail));
    session.addEventListener("ended", () => {
      session.messages.clear();
      this.say(this.words.ended);
    });
    session.addEventListener("link", ({ detail }) => detail === "over" && this.say(this.words.linkOver));
    document.addEventListener("visibilitychange", () => this.look());
  }

  changed({ fresh }) {
    const came = fresh.filter(({ by }) => by !== "you");
    if (came.length) this.type(false);
    if (came.length && this.panel.hidden) {
      this.unread += came.length;
      this.news.textContent = this.unread === 1 ? this.words.new1 : fill(this.words.newN, { n: this.unread });
    }
    this.render();
    this.look();
  }

  /** The visitor has what is there; with the panel open before them, they have read it. */
  look() {
    this.session.report(false);
    if (!this.panel.hidden && !document.hidden) this.session.report(true);
  }

  render() {
    const { session, words: w } = this;
    const { state, info } = session;
    const greeting = { id: "greeting", by: "bot", text: options.greeting || w.greeting };
    this.turns.show(session.shown, [...(session.shown.length ? [] : [greeting]), ...this.notes]);
    this.known.hidden = !state.known;
    this.known.textContent = state.name ? fill(w.as, { name: state.name }) : w.known;
    if (!options.title && info.company) this.heading.textContent = info.company;
    const trouble = { offline: w.offline, connecting: w.connecting }[session.status];
    const closed = info.open === false && !session.shown.length ? w.closed : "";
    this.note.hidden = !(trouble || closed);
    if (this.noted !== (trouble || closed)) {
      this.noted = trouble || closed;
      const leave = h("button", { type: "button", onclick: () => this.form("leave") }, w.leave);
      this.note.replaceChildren(...(trouble ? [trouble] : [closed, leave]));
    }
    this.badge.hidden = !this.unread;
    this.badge.textContent = this.unread;
  }

  say(text) {
    this.notes = [{ id: `note-${text}`, line: text }];
    this.render();
  }

  type(on) {
    clearTimeout(this.typingEnds);
    const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
    const who = this.session.state.served_by === "agent" ? this.words.agent : this.words.bot;
    this.typing.replaceChildren(...(on ? [dots, `${who} ${this.words.typing}`] : []));
    if (on) this.typingEnds = setTimeout(() => this.type(false), 12000);
  }

  typed() {
    const { area, session } = this;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
    const now = Date.now();
    if (now - (this.typedAt ?? 0) > 3000) { this.typedAt = now; session.say("typing", { on: true }); }
    clearTimeout(this.stopped);
    this.stopped = setTimeout(() => session.say("typing", { on: false }), 4000);
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.send(); }
  }

  send() {
    const text = this.area.value.trim();
    if (!text) return;
    this.notes = [];
    this.area.value = "";
    this.area.style.height = "auto";
    clearTimeout(this.stopped);
    this.session.send(text);
    this.area.focus();
  }

  pick() {
    const [file] = this.picker.files;
    this.picker.value = "";
    if (file) this.session.upload(file);
  }

  toggleMenu(open = this.menu.hidden) {
    const { words: w, session } = this;
    const items = [[w.prove, () => this.form("prove")], [w.leave, () => this.form("leave")]];
    if (session.state.contact) items.push([w.end, () => { session.say("end"); this.area.focus(); }]);
    this.menu.replaceChildren(...items.map(([name, act]) =>
      h("button", { type: "button", onclick: () => { this.toggleMenu(false); act(); } }, name)));
    this.menu.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
    if (open) this.menu.firstChild.focus();
  }

  form(name) {
    this.composer.hidden = true;
    this.forms[name]();
    this.composer.hidden = !this.sheet.hidden;
    this.log.scrollTop = this.log.scrollHeight;
  }

  escape(event) {
    event.stopPropagation();
    if (!this.menu.hidden) { this.toggleMenu(false); this.more.focus(); }
    else if (!this.sheet.hidden) this.forms.close();
    else this.close();
  }

  async open(focus = true) {
    if (!this.panel) await this.ready;
    this.panel.hidden = false;
    this.toggleAttribute("open", true);
    this.unread = 0;
    this.launched(true);
    this.session.connect();
    this.render();
    this.log.scrollTop = this.log.scrollHeight;
    this.look();
    if (focus) this.area.focus();
  }

  /** Go on with what a link to the chat is about. */
  async goOn(link) {
    await this.ready;
    this.session.follow(link);
    this.open();
  }

  async close() {
    if (!this.panel) await this.ready;
    if (!this.panel.contains(this.shadowRoot.activeElement) && this.panel.hidden) return;
    this.panel.hidden = true;
    this.removeAttribute("open");
    this.launched(false);
    this.launch.focus();
  }

  launched(open) {
    this.launch.setAttribute("aria-expanded", String(open));
    this.launch.setAttribute("aria-label", open ? this.words.close : this.words.open);
    this.launch.replaceChildren(icon(open ? "close" : "chat"));
  }

  /** The visitor is signed in on the company's site: a token of its login (JWT); "" when they sign out. */
  async identify(token) {
    await this.ready;
    this.session.identify(token);
    this.notes = [];
    this.render();
  }
}

customElements.define("callwright-chat", Chat);
if (!document.querySelector("callwright-chat")) document.body.append(document.createElement("callwright-chat"));
