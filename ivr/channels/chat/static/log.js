// The messages. Each has one element, which is changed in place: a screen reader hears what is new, once.
import { h, icon, linked, size } from "./dom.js";

export class Log {
  constructor(words, session, element) {
    this.words = words;
    this.session = session;
    this.element = element;
    this.turns = new Map();
  }

  /** Show these messages, and nothing else. */
  show(messages, notes) {
    const stuck = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 60;
    const wanted = [...notes];
    let before = null;
    for (const message of messages) {
      if (before?.contact && message.contact && before.contact !== message.contact) {
        wanted.push({ id: `line-${message.contact}`, line: this.words.fresh });
      }
      wanted.push({ ...message, same: before?.by === message.by, last: message === messages.at(-1) });
      before = message;
    }
    const kept = new Set(wanted.map(({ id, client }) => client ?? id));
    for (const [id, turn] of this.turns) if (!kept.has(id)) { turn.element.remove(); this.turns.delete(id); }
    wanted.forEach((message, index) => {
      const element = this.turn(message);
      if (this.element.children[index] !== element) this.element.insertBefore(element, this.element.children[index]);
    });
    if (stuck || messages.at(-1)?.pending) this.element.scrollTop = this.element.scrollHeight;
  }

  turn(message) {
    const key = message.client ?? message.id;
    const state = JSON.stringify(message);
    const known = this.turns.get(key);
    if (known?.state === state) return known.element;
    if (message.line) return this.keep(key, state, known, h("p", { class: "line" }, message.line));
    const { words } = this;
    const name = message.name ?? words[message.by];
    const parts = [h("span", { class: "by" }, name)];
    const text = message.label ?? message.text;
    if (text) parts.push(h("div", { class: "text" }, ...linked(text, words.newWindow)));
    for (const file of message.files ?? []) parts.push(this.file(file));
    if (message.by === "you" && (message.last || message.failed)) parts.push(this.mark(message));
    if (message.choices && message.last) parts.push(this.choices(message.choices));
    const element = known?.element ?? h("div", {});
    element.className = `turn ${message.by}${message.same ? " same" : ""}`;
    element.replaceChildren(...parts);
    return this.keep(key, state, known, element);
  }

  keep(key, state, known, element) {
    if (known && known.element !== element) known.element.replaceWith(element);
    this.turns.set(key, { state, element });
    return element;
  }

  file({ name, size: bytes, url }) {
    const parts = [icon("clip"), h("span", {}, h("span", { class: "name" }, name), h("small", {}, size(bytes)))];
    const link = { class: "file", href: url, download: name, rel: "noopener noreferrer" };
    return url ? h("a", link, ...parts) : h("div", { class: "file" }, ...parts);
  }

  mark(message) {
    const { words, session } = this;
    if (!message.failed) {
      return h("span", { class: "mark" }, message.pending ? words.sending : message.read ? words.read : words.sent);
    }
    const again = message.files?.[0]?.again ?? (() => session.retry(message.id));
    const why = (words[message.failed] ?? words.failed).replace("{mb}", Math.round((session.info.largest ?? 0) / 1e6));
    return h("span", { class: "mark bad" }, `${why} `, h("button", { type: "button", onclick: again }, words.retry));
  }

  choices(choices) {
    return h("div", { class: "choices", role: "group", "aria-label": this.words.choices }, ...choices.map((choice) =>
      h("button", { type: "button", onclick: () => this.session.send(choice.key, choice.label) }, choice.label)));
  }
}
