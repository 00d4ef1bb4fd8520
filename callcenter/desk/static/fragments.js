// HTML that our own server rendered becomes part of the page: the only place that may, by the policy "desk" of the
// Content-Security-Policy (https://developer.mozilla.org/docs/Web/API/Trusted_Types_API).
const policy = window.trustedTypes?.createPolicy("desk", { createHTML: (html) => html }) ?? { createHTML: (html) => html };

export const csrf = () => document.querySelector('meta[name="csrf"]').content;

const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
export const t = (text) => words[text] ?? text;

export const PATIENCE = 10_000; // of a network that is gone nobody says that it is

export async function fetchFragment(url) {
  const response = await fetch(url, { credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
  if (!response.ok) throw new Error(`${response.status}`);
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(await response.text());
  return template.content;
}

export async function post(url, body, options = {}) {
  return fetch(url, {
    ...options,
    method: "POST",
    credentials: "same-origin",
    redirect: "error",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf(), Accept: "application/json" },
    body: JSON.stringify(body),
  });
}
