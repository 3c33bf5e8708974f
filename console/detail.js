// The right side: one message, its way, and what it became.

import { ask, askJson, messagePath } from "./hub.js";
import { $, cell, chip, countCell, element, messageLink, moment, showRows } from "./elements.js";

const MEANING_OF_VERDICT = { accepted: "", transient: "wait", permanent: "bad", ambiguous: "bad" };
const ORDERS = ["resend", "correct", "discard"];
const WITH_FHIR = new Set(["transformed", "routed", "filtered"]);
export const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
let bodiesShown = "";

export const readMessage = (name) => askJson(messagePath(name));

export async function showMessage(found) {
  const { id, state } = found.message;
  showWay(found);
  if (bodiesShown === `${id} ${state}`) return;
  bodiesShown = `${id} ${state}`;
  const show = await readBodies(id, state);
  if (bodiesShown === `${id} ${state}`) show(); // else another was chosen in between
}

function showWay({ message, hops, findings, deliveries, orders, attempts, others }) {
  $("detail-title").replaceChildren(`${message.type} ${message.control_id} `, chip(message.state, message.state, message.code));
  for (const order of ORDERS) $(order).hidden = !orders.includes(order);
  showFacts([
    ["received", [moment(message.received)]],
    ["interface", [message.interface]],
    ["id", [message.id]],
    ...(message.patient ? [["patient", [message.patient]]] : []),
    ...(message.code ? [["stopped by", [element("span", { text: [message.code, message.reason].filter(Boolean).join(": "), classes: "bad" })]]] : []),
    ...(others.length ? [["same MSH-10", others.flatMap((other) => [messageLink(other, other), " "])]] : []),
  ]);
  const steps = [...hops.map(hopStep), ...attempts.map((one) => attemptStep(one, deliveries))];
  steps.sort((one, other) => one.at.localeCompare(other.at));
  if (showRows($("hops"), steps, () => steps.map(stepItem))) $("hops").scrollTop = $("hops").scrollHeight;
  $("deliveries-table").hidden = deliveries.length === 0;
  showRows($("deliveries"), deliveries, () => deliveries.map((one) => element("tr", {
    children: [cell(one.destination), cell(chip(one.state, one.state)), countCell(one.attempts), cell(one.code, element("small", { text: one.reason })), cell(moment(one.due)), cell(moment(one.settled))],
  })));
  showDetails("findings", counted(findings.length, "finding"), findings.map((one) => [one.place, one.code, one.detail]));
}

const hopStep = ({ at, stage, code, detail }) => ({ at, text: `${stage}: ${code}`, detail, classes: /-\d+$/.test(code) ? "bad" : "" });

function attemptStep({ delivery, number, ended, verdict, code }, deliveries) {
  const destination = deliveries.find((one) => one.id === delivery)?.destination ?? delivery;
  return { at: ended, text: `deliver: ${verdict}`, detail: `${destination}, attempt ${number}: ${code}`, classes: MEANING_OF_VERDICT[verdict] };
}

const stepItem = ({ at, text, detail, classes }) => element("li", {
  classes, children: [moment(at), ` ${text} `, element("span", { text: detail })],
});

function showFacts(facts) {
  $("facts").replaceChildren(...facts.map(([name, value]) => element("div", {
    children: [element("dt", { text: name }), element("dd", { children: value })],
  })));
}

function showDetails(name, title, lines) {
  $(`${name}-box`).hidden = lines.length === 0;
  $(`${name}-box`).firstElementChild.textContent = title;
  $(name).replaceChildren(...lines.map((parts) => element("li", { text: parts.filter(Boolean).join("  ") })));
}

async function readBodies(id, state) {
  const path = messagePath(id);
  const [raw, fhir, report] = await Promise.allSettled([
    ask(`${path}/raw`).then((answer) => answer.arrayBuffer()),
    WITH_FHIR.has(state) ? askJson(`${path}/canonical`) : Promise.reject(new Error(`It has not become FHIR; it is ${state}.`)),
    askJson(`${path}/report`),
  ]);
  const lost = report.status === "fulfilled" ? (report.value.values ?? []).filter((one) => one.outcome === "lost") : [];
  return () => {
    if (raw.status === "fulfilled") showRaw(decode(raw.value));
    else $("raw").textContent = raw.reason.message;
    if (fhir.status === "fulfilled") showJson(fhir.value);
    else $("fhir").textContent = fhir.reason.message;
    showDetails("lost", `${counted(lost.length, "value")} reached no output`, lost.map((one) => [one.place, one.reason]));
  };
}

// For reading only: UTF-8, else what MSH-18 names, else the Latin letters most senders mean.
function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const latin = new TextDecoder("windows-1252").decode(bytes);
    const declared = latin.split(/[\r\n]/, 1)[0].split(latin[3])[17] ?? "";
    try {
      return new TextDecoder(declared.replace(/^8859\//, "iso-8859-").replace(/^GB 18030.*/, "gb18030")).decode(bytes);
    } catch {
      return latin;
    }
  }
}

function showRaw(text) {
  if (/^\uFEFF?\s*\{/.test(text)) { // FHIR, as it was sent: its own spaces and its own numbers
    showMembers("raw", text);
    return;
  }
  const lines = text.split(/\r\n|\r|\n/).filter(Boolean);
  $("raw").replaceChildren(...lines.map((line) => element("div", {
    children: [
      element("b", { text: line.slice(0, 3) }),
      ...line.slice(3).split(/([|^~&])/).map((part) => (/^[|^~&]$/.test(part) ? element("i", { text: part }) : part)),
    ],
  })));
}

function showJson(value) {
  showMembers("fhir", JSON.stringify(value, null, 2));
}

function showMembers(name, json) {
  const parts = json.split(/("(?:[^"\\]|\\.)*"(?=\s*:))/);
  $(name).replaceChildren(...parts.map((part, index) => (index % 2 ? element("b", { text: part }) : part)));
}
