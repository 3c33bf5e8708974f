// The operator's page: it asks the hub's own API, shows the answers, and carries out orders.

import { askJson, failingChecks, post } from "./hub.js";
import { $ } from "./elements.js";
import { showConnectors, showDestinations, showInterfaces, showMessages, showStopped, showSummary } from "./overview.js";
import { counted, readMessage, showMessage } from "./detail.js";
import { onGiven, openOrder } from "./orders.js";

const REFRESH_MILLISECONDS = 2000;
const HEALTH_MILLISECONDS = 20_000;
let chosen = new URLSearchParams(location.search).get("message");
let shown = null; // what the hub said last of the one that is open
let patient = ""; // whose messages are listed; empty: everybody's

// Do what a person asked for; what goes wrong is one sentence at the top.
async function attempt(work) {
  $("notice").hidden = true;
  try {
    await work();
  } catch (error) {
    notify(error.message);
  }
}

function notify(text) {
  $("notice").textContent = text;
  $("notice").hidden = false;
  $("notice").scrollIntoView({ block: "nearest" }); // whoever gave an order further down is to see it
}

const choose = (name) => attempt(async () => {
  const found = name && await readMessage(name);
  chosen = found ? found.message.id : null;
  shown = found || null;
  history.replaceState(null, "", chosen ? `?message=${encodeURIComponent(chosen)}` : location.pathname);
  document.querySelector("main").classList.toggle("with-detail", Boolean(chosen));
  $("detail-pane").hidden = !chosen;
  if (found) {
    const whole = showMessage(found);
    $("detail-title").focus(); // at once: whoever types elsewhere by the time all is shown keeps the place
    await whole;
  }
  await refresh();
});

// Find by message id, MSH-10 or patient hash; of a patient, the list shows all messages, and the newest is chosen.
const find = (name) => attempt(async () => {
  const { message } = await readMessage(name);
  const isOfPatient = message.patient === name.toLowerCase() && ![message.id, message.control_id].includes(name);
  showOnly(isOfPatient ? message.patient : "");
  await choose(message.id);
});

function showOnly(hash) {
  patient = hash;
  $("everybody").hidden = !patient;
  $("list-title").textContent = patient ? `Messages of ${patient}` : "Messages";
}

const orderAt = (place) => (name, word) => attempt(async () => {
  await post(`/hub/${place}/${encodeURIComponent(name)}/${word}`);
  await refresh();
});

async function refresh() {
  const state = $("state").value;
  try {
    const [summary, { messages }, { destinations }, stopped, { connectors }, { interfaces }] = await Promise.all([
      askJson("/hub/summary"), askJson(`/hub/messages?limit=40&state=${state}&patient=${patient}`), askJson("/hub/destinations"), askJson("/hub/quarantine"),
      askJson("/hub/connectors"), askJson("/hub/interfaces"),
    ]);
    showSummary(summary, stopped);
    showStopped(stopped);
    showMessages(messages, chosen, state);
    showDestinations(destinations, orderAt("destinations"));
    showInterfaces(interfaces, summary, orderAt("interfaces"));
    showConnectors(connectors);
    const found = chosen && await readMessage(chosen);
    if (found && found.message.id === chosen) { // another may have been chosen in between
      shown = found;
      await showMessage(found);
    }
    tell("live");
  } catch (error) {
    tell(error.message, "lost");
  }
}

// Whether the hub is well it proves with traffic: it is not asked for that as often.
async function lookAtHealth() {
  const ill = await failingChecks().catch(() => []); // that nobody answers, the refresh says
  $("unwell").hidden = ill.length === 0;
  $("unwell").textContent = `The hub is not well: ${ill.map(({ name, code, reason }) => [name, code, reason].filter(Boolean).join(": ")).join("; ")}`;
}

function tell(text, classes = "") {
  $("connection").textContent = text;
  $("connection").className = classes;
}

function chooseFromRow(event) {
  if (event.ctrlKey || event.metaKey) return; // a link of its own
  const link = event.target.closest("[data-message]") ?? event.target.closest("tr")?.querySelector("[data-message]");
  if (!link) return;
  event.preventDefault();
  choose(link.dataset.message);
}

for (const id of ["messages", "stopped", "destinations", "facts"]) $(id).addEventListener("click", chooseFromRow);
$("close").addEventListener("click", () => choose(null));
$("state").addEventListener("change", refresh);
$("everybody").addEventListener("click", () => {
  showOnly("");
  refresh();
});
$("find").addEventListener("submit", (event) => {
  event.preventDefault();
  find(new FormData(event.target).get("name").trim());
});
for (const order of ["resend", "correct", "discard"]) {
  $(order).addEventListener("click", () => attempt(() => openOrder(order, shown)));
}
onGiven((order, answer) => attempt(async () => {
  if (answer.corrected) await choose(answer.corrected);
  else await refresh();
  const since = Object.entries(answer.delivered_since ?? {}).map(([name, count]) => `${name} accepted ${counted(count, "later message")} of the same key`);
  if (since.length) notify(`${since.join(", ")}; caduceus replay --message ${answer.message} brings those again.`);
}));
document.addEventListener("keydown", (event) => {
  if ($("order-dialog").open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && chosen) choose(null);
  if (event.key === "/" && !event.target.matches("input")) {
    event.preventDefault();
    $("find").elements.name.focus();
  }
});

await (chosen ? choose(chosen) : refresh());
setInterval(() => document.hidden || refresh(), REFRESH_MILLISECONDS);
setInterval(() => document.hidden || lookAtHealth(), HEALTH_MILLISECONDS);
await lookAtHealth();
