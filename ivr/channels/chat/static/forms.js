// What is asked in a form under the conversation: who somebody is, a message for later.
import { h } from "./dom.js";
import { fill } from "./words.js";

/** Forms replace one another in `place`; `done` is called when the last one is closed. */
export class Forms {
  constructor(words, language, session, place, done) {
    Object.assign(this, { words, language, session, place, done });
    session.addEventListener("proof", ({ detail }) => this.proof(detail));
    session.addEventListener("left", () => this.place.hidden || this.thank(fill(words.left, { to: this.mail })));
    session.addEventListener("refused", ({ detail }) => this.complain(words[detail] ?? words.failedForm));
  }

  show(title, text, fields, submit, button = this.words.next) {
    const { words } = this;
    this.error = h("p", { class: "error", role: "alert" });
    const inputs = fields.map(([name, label, attributes]) => {
      const input = h(attributes.rows ? "textarea" : "input", { name, required: true, ...attributes });
      return h("label", {}, label, input);
    });
    this.form = h("form", { class: "form", "aria-label": title, onsubmit: (event) => {
      event.preventDefault();
      this.error.textContent = "";
      if (!submit(Object.fromEntries(new FormData(this.form)))) this.complain(words.offline);
    } },
    h("h3", {}, title), text && h("p", {}, text), ...inputs, this.error,
    h("div", { class: "row" },
      h("button", { type: "button", class: "plain", onclick: () => this.close() }, words.cancel),
      fields.length ? h("button", { class: "main on-accent" }, button) : null));
    this.place.replaceChildren(this.form);
    this.place.hidden = false;
    this.form.querySelector("input, textarea, button").focus();
  }

  close() {
    this.place.replaceChildren();
    this.place.hidden = true;
    this.done();
  }

  complain(words) { if (this.error) this.error.textContent = words; }

  thank(text) {
    this.close();
    this.session.tell("notice", text);
  }

  prove() {
    const { words, session } = this;
    const kinds = session.info.codes ?? [];
    if (!kinds.length) return this.session.tell("notice", words.unavailable);
    const both = kinds.length === 2;
    const label = both ? `${words.email} / ${words.phone}` : words[kinds[0]];
    const attributes = kinds[0] === "email" && !both ? { type: "email", autocomplete: "email" }
      : both ? { autocomplete: "email", inputmode: "email" } : { type: "tel", autocomplete: "tel" };
    this.show(words.prove, words.how, [["value", label, { ...attributes, maxlength: 254 }]], ({ value }) => {
      const kind = kinds.length === 1 ? kinds[0] : value.includes("@") ? "email" : "phone";
      return session.say("prove", { kind, value, language: this.language });
    });
  }

  proof({ state, to, wrong }) {
    const { words, session } = this;
    if (state === "sent") {
      const code = { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 12 };
      this.show(words.prove, fill(words.codeSent, { to }), [["code", words.code, code]],
        ({ code: given }) => session.say("prove", { code: given }));
    } else if (state === "question" && !wrong) {
      this.show(words.prove, words.question, [["answer", words.account, { maxlength: 60 }]],
        ({ answer }) => session.say("prove", { answer }));
    } else if (state === "proven") this.thank(words.proven);
    else if (state === "unknown") this.thank(words.unknown);
    else this.complain(words[wrong ? "wrong" : state] ?? words.failedForm);
  }

  leave() {
    const { words, session } = this;
    this.show(words.leave, words.leaveHow, [
      ["email", words.email, { type: "email", autocomplete: "email", maxlength: 254 }],
      ["text", words.leaveText, { rows: 4, maxlength: 4000 }],
    ], ({ email, text }) => {
      this.mail = email;
      return session.say("leave", { email, text }, this.key ??= `leave-${Date.now()}-${Math.random()}`.replace(".", ""));
    }, words.send);
  }
}
