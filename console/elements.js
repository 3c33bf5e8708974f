// Small pieces of the page. Text is only ever set as text: what a message says can never become markup.

const MEANING = {
  accepted: "good", routed: "good", transformed: "good", filtered: "quiet", discarded: "quiet", skipped: "quiet", passed: "quiet",
  reserved: "wait", queued: "wait", parked: "wait", intent: "wait",
  review: "bad", quarantined: "bad", refused: "bad", abandoned: "bad",
};

export const $ = (id) => document.getElementById(id);

export function element(tag, { text, classes, title, children = [] } = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (classes) made.className = classes;
  if (title) made.title = title;
  made.append(...children);
  return made;
}

export const chip = (text, state, title) => element("span", { text, classes: `chip ${MEANING[state] ?? ""}`, title });
export const cell = (...children) => element("td", { children });
export const countCell = (count) => element("td", { text: count.toLocaleString(), classes: "count" });

export function moment(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  const day = isToday ? "" : `${at.toLocaleDateString([], { day: "numeric", month: "short" })} `;
  const made = element("time", { text: day + at.toLocaleTimeString([], { hour12: false }), title: iso });
  made.dateTime = iso;
  return made;
}

export function messageLink(id, text) {
  const link = element("a", { text, title: id });
  link.href = `?message=${encodeURIComponent(id)}`;
  link.dataset.message = id;
  link.dataset.key = id;
  return link;
}

// Put `rows` into `body`, unless they show the same facts as before; the focus stays where it was. Return whether it did.
const shown = new WeakMap();

export function showRows(body, facts, rows) {
  const now = JSON.stringify(facts);
  if (shown.get(body) === now) return false;
  shown.set(body, now);
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  body.replaceChildren(...rows());
  if (focused) [...body.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
  return true;
}
