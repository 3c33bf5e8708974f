// A message as it was received, to be corrected on the page, and back to bytes: what was not touched stays as it was.

const LARGEST = 1_000_000; // a larger one is corrected in a file

// Return the text, one segment a line, and whether it can be edited here; why not, otherwise.
export function toEdit(bytes) {
  if (bytes.length > LARGEST) return { why: "It is too large to be edited here; choose a file." };
  const utf8 = decoded(bytes);
  const declared = declaredIn(utf8 ?? latin(bytes));
  if (utf8 === null && !/^(|.*8859.?1|latin.?1)$/i.test(declared)) return { why: `Its letters are ${declared}; choose a file in which they are kept.` };
  return { text: lines(utf8 ?? latin(bytes)) };
}

// Return the bytes of an edited text, in the letters that the message had.
export function fromEdit(text, before) {
  const sent = isFhir(text) ? text : `${text.trim().replace(/\r\n|\n/g, "\r")}\r`;
  const utf8 = decoded(before);
  if (utf8 === null) return latinBytes(sent);
  const isAscii = /^[\x00-\x7f]*$/.test(utf8);
  const declared = declaredIn(utf8);
  if (isFhir(text) || !isAscii || /^(|.*(unicode|utf).*)$/i.test(declared)) return new TextEncoder().encode(sent);
  if (/8859.?1$|latin.?1$/i.test(declared)) return latinBytes(sent);
  if (/[^\x00-\x7f]/.test(sent)) throw new Error(`MSH-18 says ${declared}, and not every letter is of it; choose a file in which they are kept.`);
  return latinBytes(sent);
}

// Return the bytes of a file as they are sent: segments end with a carriage return.
export function fromFile(bytes) {
  if (isFhir(latin(bytes.subarray(0, 100)))) return bytes;
  return latinBytes(latin(bytes).replace(/\r\n|\n/g, "\r"));
}

// Base64 in pieces: a call has room for so many arguments only.
export const toBase64 = (bytes) => btoa(latin(bytes));

const isFhir = (text) => /^\uFEFF?\s*\{/.test(text);
const lines = (text) => text.replace(/\r\n|\r/g, "\n").trimEnd();

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

// What MSH-18 says; empty where it says nothing, or where this is no HL7.
function declaredIn(text) {
  return text.startsWith("MSH") ? (text.split(/[\r\n]/, 1)[0].split(text[3])[17] ?? "").trim() : "";
}

// One letter for each byte, and back: TextDecoder would take Latin-1 for a code page of Windows.
function latin(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

function latinBytes(text) {
  return Uint8Array.from(text, (letter) => {
    if (letter.codePointAt(0) > 255) throw new Error(`The message cannot hold ${letter}; choose a file in which its letters are kept.`);
    return letter.codePointAt(0);
  });
}
