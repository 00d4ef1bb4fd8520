// A payment with the caller on the line: what is asked of the agent before it, and the dots while the caller keys.

const by = (id) => document.getElementById(id);
const words = JSON.parse(by("payment-words").textContent);
const newest = new Map();

const inMoney = (currency) => new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency });
const scale = (currency) => (currency ? 10 ** inMoney(currency).resolvedOptions().maximumFractionDigits : 100);
const money = (minor, currency) => inMoney(currency).format(minor / scale(currency));
const dots = {
  card: (count) => "●".repeat(count).replace(/(.{4})(?=.)/g, "$1 "),
  expiry: (count) => "●".repeat(count).replace(/^(..)(?=.)/, "$1/"),
  security_code: (count) => "●".repeat(count),
};

// Shows how a payment goes on the card of its call, unless something newer is shown already.
export function showPayment(card, payment) {
  const panel = card?.querySelector("[data-payment]");
  if (!panel || !payment) return;
  const known = newest.get(payment.contact);
  if (known?.order === payment.order && known.number > payment.number) payment = known;
  newest.set(payment.contact, payment);
  panel.hidden = false;
  panel.dataset.shows = payment.state;
  for (const line of panel.querySelectorAll("[data-field]")) {
    const count = payment.keyed[line.dataset.field] ?? 0;
    line.classList.toggle("now", payment.field === line.dataset.field);
    line.querySelector("[data-dots]").textContent = dots[line.dataset.field](count);
    line.querySelector("[data-count]").textContent = count;
  }
  const problem = panel.querySelector("[data-problem]");
  problem.hidden = !payment.problem || payment.result === "paid";
  problem.textContent = words.problems[payment.problem] ?? words.problems.other;
  const state = panel.querySelector("[data-state]");
  const told = said(payment);
  if (state.textContent !== told) state.textContent = told;
  state.className = { paid: "chip good", pending: "chip warn" }[payment.result] ?? "";
  panel.querySelector("[data-stop]").hidden = payment.state !== "asking";
}

function said(payment) {
  if (payment.state === "charging") return words.charging;
  if (payment.state !== "ended") return words.fields[payment.field] ?? words.asking;
  const parts = [words.results[payment.result] ?? words.results.failed];
  if (payment.amount) parts.push(money(payment.amount, payment.currency));
  if (payment.card) parts.push(`•••• ${payment.card}`);
  if (payment.confirmation) parts.push(`${words.confirmation} ${payment.confirmation}`);
  return parts.join(" · ");
}

// The dialog: an account and an amount, or what the caller will be asked.
const form = by("payment-form"), account = form.elements.account, amount = form.elements.amount;
let bills = [];

export async function askForPayment(url) {
  const response = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } }).catch(() => null);
  bills = response?.ok ? await response.json() : [];
  form.reset();
  const options = bills.map((bill) => new Option(bill.balance === null ? bill.account : [bill.account, bill.name, money(bill.balance, bill.currency), bill.due_on].filter(Boolean).join(" · "), bill.account));
  account.replaceChildren(...options, new Option(words.caller_says, ""), new Option(words.another, "other"));
  chosen();
}

function chosen() {
  const bill = bills.find((one) => one.account === account.value);
  form.elements.other.closest("label").hidden = account.value !== "other";
  form.elements.other.required = account.value === "other";
  amount.closest("label").hidden = !account.value;
  amount.max = bill?.balance ? bill.balance / scale(bill.currency) : "";
  amount.value = amount.max;
}
account.addEventListener("change", chosen);

// What the agent chose: the order's arguments, or null where the dialog was left.
export function chosenPayment(submitter) {
  if (submitter.value !== "pay") return null;
  const of = account.value === "other" ? form.elements.other.value.trim() : account.value;
  const currency = bills.find((one) => one.account === of)?.currency;
  const minor = of && amount.value ? Math.round(Number(amount.value) * scale(currency)) : 0;
  return { ...(of && { account: of }), ...(minor && { amount: minor }) };
}
