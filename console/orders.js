// What a person does with what was stopped: one dialog, which stays open, with what was written, until the hub has done it.

import { ask, messagePath, post } from "./hub.js";
import { $, element } from "./elements.js";
import { fromEdit, fromFile, toBase64, toEdit } from "./correction.js";

const KEPT = "The reason is kept with the message";
const named = (deliveries, ...states) => deliveries.filter((one) => states.includes(one.state)).map((one) => one.destination).join(", ");

// By order: its title, what it says it will do, and whether it can be taken back.
const ORDERS = {
  resend: {
    title: "Send again",
    says: ({ deliveries }) => [
      named(deliveries, "review") && `${named(deliveries, "review")} may have it already: look there first. If it has, discard it instead.`,
      `What a destination accepted is not sent again. ${KEPT}.`,
    ],
    classes: "main",
  },
  correct: {
    title: "Send a corrected copy",
    says: ({ deliveries }) => [
      "The copy goes as a new message, and the one that was stopped is discarded; each names the other.",
      named(deliveries, "accepted") && `The copy goes to ${named(deliveries, "accepted")} as well, who accepted the old one.`,
      `${KEPT} and in the audit.`,
    ],
    classes: "main",
  },
  discard: {
    title: "Discard",
    says: ({ deliveries }) => [
      named(deliveries, "review", "quarantined")
        ? `What stopped on its way to ${named(deliveries, "review", "quarantined")} is given up for good, and what waits behind it goes on.`
        : "The message is given up for good: nobody gets it.",
      `${KEPT} and in the audit.`,
    ],
    classes: "harm",
  },
};

let given = null; // the order, its message, and the bytes of that

// Open the dialog for a message as the hub tells it.
export async function openOrder(order, found) {
  const { title, says, classes } = ORDERS[order];
  const { id, type, control_id: controlId } = found.message;
  const form = $("order-dialog").querySelector("form");
  form.reset();
  given = { order, id, before: null };
  $("order-title").textContent = `${title}: ${type} ${controlId}`;
  $("order-says").replaceChildren(...says(found).filter(Boolean).map((text) => element("span", { text: `${text} ` })));
  $("order-problem").hidden = true;
  $("correction").hidden = order !== "correct";
  $("order-dialog").className = order;
  $("order-give").textContent = order === "correct" ? "Send copy" : title;
  $("order-give").className = classes;
  if (order === "correct") await fill(form, id);
  $("order-dialog").showModal();
}

async function fill(form, id) {
  given.before = new Uint8Array(await (await ask(`${messagePath(id)}/raw`)).arrayBuffer());
  const { text, why } = toEdit(given.before);
  form.text.value = text ?? "";
  form.text.hidden = text === undefined;
  form.file.required = text === undefined;
  if (why) problem(why);
}

// Have `done` called with the order and the hub's answer.
export function onGiven(done) {
  const dialog = $("order-dialog");
  const form = dialog.querySelector("form");
  $("order-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    form.reset();
    given = null; // it is about a patient: the page keeps nothing of it
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    $("order-problem").hidden = true;
    $("order-give").disabled = true; // twice is once
    const { order, id } = given;
    let answer;
    try {
      answer = await (await post(`${messagePath(id)}/${order}`, await asked(form))).json();
    } catch (error) {
      problem(error.message);
      return;
    } finally {
      $("order-give").disabled = false;
    }
    dialog.close();
    await done(order, answer);
  });
}

async function asked(form) {
  const reason = form.reason.value.trim();
  if (given.order !== "correct") return { reason };
  const [file] = form.file.files;
  const body = file ? fromFile(new Uint8Array(await file.arrayBuffer())) : fromEdit(form.text.value, given.before);
  return { reason, message: toBase64(body) };
}

function problem(text) {
  $("order-problem").textContent = text;
  $("order-problem").hidden = false;
}
