// The left side: what waits for a person, the newest messages, the destinations, the interfaces, the connectors.

import { $, cell, chip, countCell, element, messageLink, moment, showRows } from "./elements.js";

const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

export function showSummary({ messages, waiting, resources }, stopped) {
  const facts = [
    ["messages", sum(messages), ""],
    ["stopped", stopped.messages.length + stopped.deliveries.length, "bad", stopped.more],
    ["waiting", sum(waiting), "wait"],
    ["patients", resources.Patient ?? 0, ""],
    ["FHIR resources", sum(resources), ""],
  ];
  $("summary").replaceChildren(...facts.map(([name, count, classes, hasMore]) => element("li", {
    classes: count ? classes : "",
    children: [element("b", { text: count.toLocaleString() + (hasMore ? "+" : "") }), ` ${name}`],
  })));
}

export function showStopped({ messages, deliveries, more }) {
  const rows = [
    ...messages.map((one) => ({ id: one.id, name: `${one.type} ${one.control_id}`, at: one.interface, ...pick(one) })),
    ...deliveries.map((one) => ({ id: one.message, name: `${one.type} ${one.control_id}`, at: one.destination, ...pick(one) })),
  ];
  $("stopped-pane").hidden = rows.length === 0;
  $("stopped-more").hidden = !more;
  showRows($("stopped"), rows, () => rows.map((one) => element("tr", {
    children: [cell(messageLink(one.id, one.name)), cell(one.at), cell(chip(one.state, one.state)), cell(one.code, element("small", { text: one.reason }))],
  })));
}

const pick = ({ state, code, reason }) => ({ state, code, reason });

export function showMessages(messages, chosen, state) {
  $("empty").hidden = messages.length > 0;
  $("empty").replaceChildren(...(state
    ? [`No message is ${state}.`]
    : ["No messages yet. Send one: ", element("code", { text: "caduceus send interfaces/hospital_adt/samples" })]));
  showRows($("messages"), [messages, chosen], () => messages.map((one) => messageRow(one, one.id === chosen)));
}

function messageRow(message, isChosen) {
  const deliveries = message.deliveries.toSorted((one, other) => one.destination.localeCompare(other.destination));
  return element("tr", {
    classes: isChosen ? "chosen" : "",
    children: [
      cell(moment(message.received)),
      element("td", { text: message.type, classes: "nowrap" }),
      cell(messageLink(message.id, message.control_id || "(none)")),
      element("td", { text: message.interface, classes: "roomy" }),
      cell(chip(message.state, message.state, message.code)),
      cell(...deliveries.map(deliveryChip)),
    ],
  });
}

function deliveryChip({ destination, state, code, attempts }) {
  const text = state === "accepted" ? destination : `${destination}: ${state}`;
  return chip(text, state, `${state}, ${code || "no answer yet"}, attempts: ${attempts}`);
}

export function showDestinations(destinations, order) {
  showRows($("destinations"), destinations, () => destinations.flatMap((one) => [destinationRow(one, order), ...troubleRow(one)]));
}

export function showInterfaces(interfaces, { paused, held }, order) {
  const rows = interfaces.filter((one) => one.lifecycle !== "retired")
    .map(({ id, title, lifecycle }) => ({ id, title, lifecycle, paused: paused.includes(id), held: held[id] ?? 0 }));
  showRows($("interfaces"), rows, () => rows.map((one) => element("tr", {
    children: [
      cell(one.id, element("small", { text: one.title })),
      countCell(one.held),
      cell(one.paused ? chip("paused", "parked", "what it takes waits until it is resumed") : chip(one.lifecycle, "accepted")),
      cell(orderButton(one, order)),
    ],
  })));
}

function orderButton(one, order) {
  const word = one.paused ? "resume" : "pause";
  const button = element("button", { text: one.paused ? "Resume" : "Pause", title: `${word} ${one.id}` });
  button.dataset.key = one.id;
  button.addEventListener("click", () => order(one.id, word));
  return button;
}

// One that fails is tried at once when a person says that it is back.
function orderButtons(one, order) {
  const pause = orderButton(one, order);
  if (one.state !== "failing") return [pause];
  const retry = element("button", { text: "Try now", title: `resume ${one.id}` });
  retry.dataset.key = `${one.id} now`;
  retry.addEventListener("click", () => order(one.id, "resume"));
  return [retry, " ", pause];
}

function destinationRow(one, order) {
  const name = [one.id, element("small", { text: `${one.kind}, by ${one.order}`, title: `${one.title}; in order of the ${one.order}` })];
  return element("tr", { children: [cell(...name), countCell(one.waiting), cell(destinationState(one)), cell(...orderButtons(one, order))] });
}

export function showConnectors(connectors) {
  $("connectors-pane").hidden = connectors.length === 0;
  showRows($("connectors"), connectors, () => connectors.map((one) => element("tr", {
    children: [
      cell(one.name, element("small", { text: `${one.version}, ${lapses(one.certificates)}` })),
      cell(moment(one.last_echo)),
      countCell(one.waiting),
      cell(...(one.concerns.length
        ? one.concerns.map(({ code, reason }) => chip(code, "review", reason))
        : [chip("heard", "accepted", `its last echo took ${one.way_seconds} s`)])),
    ],
  })));
}

function lapses(certificates) {
  if (!certificates.length) return "no certificate";
  const days = certificates.map((one) => one.lapses?.slice(0, 10) ?? "unreadable").toSorted();
  return `certificates until ${days[0]}`;
}

function destinationState({ state, open_until: openUntil, failures }) {
  if (state === "paused") return chip(state, "parked", "nothing is sent until it is resumed");
  if (state === "failing") return chip(state, "review", `${failures} failures in a row; tried again at ${openUntil}`);
  return chip(state, "accepted");
}

// What one that fails answered last, to which message, and what that means; it needs the whole width.
function troubleRow({ state, trouble }) {
  if (state !== "failing" || !trouble) return [];
  const said = cell(messageLink(trouble.message, trouble.code), trouble.reason ? `: ${trouble.reason}` : "");
  said.colSpan = 4;
  return [element("tr", { classes: "trouble", children: [said] })];
}
