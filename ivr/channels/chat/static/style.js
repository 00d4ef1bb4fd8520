// The widget's style sheet, adopted by its shadow root: no inline styles, so that a strict policy of the page holds.
const css = `
:host { all: initial; position: fixed; inset: auto 20px 20px auto; z-index: 2147483000; color-scheme: light dark;
  --accent: #14538a; --on-accent: #fff; --paper: #fff; --ground: #f3f6f9; --ink: #16202a; --dim: #52606d;
  --line: #d5dde5; --mine: var(--accent); --on-mine: var(--on-accent); --bad: #a3271d; --focus: #14538a;
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
:host([side=left]) { inset: auto auto 20px 20px; }
@media (prefers-color-scheme: dark) { :host { --paper: #18212b; --ground: #10171e; --ink: #e8eef4; --dim: #a3b1bf;
  --line: #33424f; --bad: #ff9a8e; --focus: #8cc4f8; } }
:host([theme=light]) { color-scheme: light; --paper: #fff; --ground: #f3f6f9; --ink: #16202a; --dim: #52606d;
  --line: #d5dde5; --bad: #a3271d; --focus: #14538a; }
:host([theme=dark]) { color-scheme: dark; --paper: #18212b; --ground: #10171e; --ink: #e8eef4; --dim: #a3b1bf;
  --line: #33424f; --bad: #ff9a8e; --focus: #8cc4f8; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; border: 0; background: none; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
textarea:focus-visible, input:focus-visible { outline-offset: -2px; border-color: transparent; }
.on-accent:focus-visible, .head :focus-visible { outline-color: var(--on-accent); outline-offset: -4px; }
svg[data-icon=more] { stroke-width: 3.4; }
svg { width: 22px; height: 22px; fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round;
  stroke-linejoin: round; display: block; }
.launch { width: 58px; height: 58px; border-radius: 50%; background: var(--accent); color: var(--on-accent);
  display: grid; place-items: center; box-shadow: 0 6px 20px rgb(0 0 0 / .28); transition: transform .15s; }
.launch:hover { transform: scale(1.05); }
.launch:focus-visible { outline-offset: 3px; }
.launch svg { width: 27px; height: 27px; }
.badge { position: absolute; top: -4px; right: -4px; min-width: 22px; padding: 0 6px; border-radius: 11px;
  background: #b3261e; color: #fff; font-size: 13px; line-height: 22px; font-weight: 600; text-align: center; }
.panel { position: absolute; inset: auto 0 72px auto; width: 384px; height: min(620px, calc(100vh - 120px));
  display: flex; flex-direction: column; overflow: hidden; border-radius: 16px; background: var(--paper);
  color: var(--ink); border: 1px solid var(--line); box-shadow: 0 16px 48px rgb(0 0 0 / .26);
  animation: up .18s ease-out; }
:host([side=left]) .panel { inset: auto auto 72px 0; }
@keyframes up { from { opacity: 0; transform: translateY(10px); } }
.head { display: flex; align-items: center; gap: 2px; padding: 12px 8px 12px 18px; background: var(--accent);
  color: var(--on-accent); }
.head h2 { margin: 0; font-size: 16px; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; }
.head p { margin: 0; font-size: 13px; }
.who { flex: 1; min-width: 0; }
.icon { width: 44px; height: 44px; display: grid; place-items: center; border-radius: 10px; flex: none; }
.head .icon:hover { background: rgb(128 128 128 / .28); }
.menu { position: absolute; top: 62px; right: 10px; z-index: 2; padding: 6px; border-radius: 12px;
  background: var(--paper); border: 1px solid var(--line); box-shadow: 0 8px 24px rgb(0 0 0 / .22); display: grid; }
.menu button { text-align: start; padding: 10px 14px; border-radius: 8px; min-height: 44px; }
.menu button:hover { background: var(--ground); }
.note { margin: 0; padding: 8px 16px; font-size: 13px; background: var(--ground); color: var(--dim);
  border-bottom: 1px solid var(--line); }
.note button { text-decoration: underline; padding: 4px 0; color: var(--ink); display: block; min-height: 28px; }
.log { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 16px 14px 6px; display: flex;
  flex-direction: column; gap: 3px; background: var(--paper); }
.log:focus-visible { outline-offset: -3px; }
.turn { display: flex; flex-direction: column; align-items: flex-start; max-width: 84%; margin-top: 7px; }
.turn.you { align-self: flex-end; align-items: flex-end; }
.turn.same { margin-top: 0; }
.by { font-size: 12px; color: var(--dim); margin: 0 0 2px 12px; }
.turn.same .by, .turn.you .by { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.text { padding: 8px 13px; border-radius: 16px; background: var(--ground); border: 1px solid var(--line);
  white-space: pre-wrap; overflow-wrap: anywhere; border-end-start-radius: 5px; }
.you .text { background: var(--mine); color: var(--on-mine); border-color: transparent; border-radius: 16px;
  border-end-end-radius: 5px; }
.system .text { background: none; border-style: dashed; color: var(--dim); }
.text a { color: inherit; text-decoration: underline; text-underline-offset: 2px; }
.file { display: flex; gap: 9px; align-items: center; padding: 9px 13px; border-radius: 14px; min-height: 44px;
  border: 1px solid var(--line); background: var(--ground); color: var(--ink); text-decoration: none; margin-top: 2px;
  overflow-wrap: anywhere; }
a.file:hover .name { text-decoration: underline; }
.file small { color: var(--dim); display: block; font-size: 12px; }
.mark { font-size: 12px; color: var(--dim); margin: 2px 6px 0; }
.mark.bad { color: var(--bad); }
.mark button { text-decoration: underline; padding: 4px; }
.choices { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 4px; }
.choices button { border: 1.5px solid var(--line); border-radius: 22px; padding: 8px 15px; min-height: 44px;
  background: var(--paper); font-weight: 550; text-align: start; }
.choices button::first-letter { text-transform: uppercase; }
.choices button:hover { border-color: var(--accent); }
.line { align-self: center; font-size: 12px; color: var(--dim); margin: 12px 0 2px; text-align: center; }
.typing { min-height: 24px; padding: 0 18px 4px; font-size: 13px; color: var(--dim); display: flex; gap: 7px;
  align-items: center; background: var(--paper); }
.dots { display: inline-flex; gap: 3px; }
.dots i { width: 6px; height: 6px; border-radius: 50%; background: currentColor; animation: dot 1.1s infinite; }
.dots i:nth-child(2) { animation-delay: .15s; }
.dots i:nth-child(3) { animation-delay: .3s; }
@keyframes dot { 30% { opacity: .25; } }
.write { display: flex; align-items: flex-end; gap: 4px; padding: 8px; border-top: 1px solid var(--line); }
.write textarea { flex: 1; resize: none; border: 1px solid var(--dim); border-radius: 14px; padding: 10px 13px;
  background: var(--paper); min-height: 44px; max-height: 132px; line-height: 1.45; overflow-y: auto; }
.write .go { background: var(--accent); color: var(--on-accent); border-radius: 50%; }
.icon:disabled, .main:disabled { opacity: .5; cursor: default; }
.form { padding: 14px 16px 16px; border-top: 1px solid var(--line); display: grid; gap: 10px; background: var(--ground);
}
.sheet { flex: none; max-height: 75%; overflow-y: auto; }
.form h3 { margin: 0; font-size: 15px; }
.form p { margin: 0; font-size: 14px; color: var(--dim); }
.form .error { color: var(--bad); font-weight: 550; }
.form label { display: grid; gap: 4px; font-size: 14px; font-weight: 550; }
.form input, .form textarea { border: 1px solid var(--dim); border-radius: 10px; padding: 9px 12px; min-height: 44px;
  background: var(--paper); font-weight: 400; width: 100%; }
.form .row { display: flex; gap: 8px; justify-content: flex-end; flex-wrap: wrap; }
.form .row button { min-height: 44px; padding: 8px 16px; border-radius: 10px; }
.form .plain { border: 1px solid var(--dim); }
.main { background: var(--accent); color: var(--on-accent); font-weight: 600; }
.seen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 480px) {
  :host([open]) { inset: 0; }
  :host([open]) .launch { display: none; }
  .panel, :host([side=left]) .panel { inset: 0; width: 100%; height: 100%; height: 100dvh; border: 0;
    border-radius: 0; }
  .write { padding-bottom: max(8px, env(safe-area-inset-bottom)); }
  textarea, input { font-size: 16px; }
  .turn { max-width: 88%; }
}
@media (prefers-reduced-motion: reduce) { *, .launch { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { .launch, .text, .go, .main { border: 1px solid; } }
`;

/** The sheet, for `adoptedStyleSheets`. */
export const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/** Black or white, whichever is better to read on a colour (WCAG 2.2, relative luminance). */
export function inkOn(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
