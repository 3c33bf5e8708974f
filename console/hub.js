// The hub's own API, as the page asks it.

export async function ask(path, options) {
  const answer = await fetch(path, options).catch(() => {
    throw new Error("The hub does not answer; look whether it runs.");
  });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.error?.text ?? `The hub answered ${answer.status}.`);
  }
  return answer;
}

export const askJson = async (path) => (await ask(path)).json();

// Return what the hub depends on and cannot use just now; it answers 503 with its checks then.
export async function failingChecks() {
  const { checks } = await (await fetch("/health")).json();
  return checks.filter((one) => one.code !== "ok");
}

export const post = (path, body) => ask(path, { method: "POST", body: body && JSON.stringify(body) });

export const messagePath = (name) => `/hub/messages/${encodeURIComponent(name)}`;
