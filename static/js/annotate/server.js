// Talking to the server. An answer of any kind comes back as {status, body}; silence is an error of its own.

const PATIENCE = 20_000; // milliseconds

export class NetworkAway extends Error {}

export function post(url, body) {
  return ask(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify(body),
    keepalive: true, // a tab that closes a moment later still sends it
  });
}

export function get(url) { return ask(url, { headers: { Accept: "application/json" } }); }

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, { ...options, credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
    return { status: statusOf(response), body: await bodyOf(response) };
  } catch (error) {
    throw new NetworkAway(error.message);
  }
}

// Our own answers are JSON. A page instead means that somebody stood in between: the door to sign in, whose form
// also renews the token that a 403 complains of.
function statusOf(response) {
  if (isJson(response)) return response.status;
  return response.redirected || response.status === 403 ? 401 : response.status;
}

function isJson(response) {
  return (response.headers.get("Content-Type") ?? "").startsWith("application/json");
}

async function bodyOf(response) {
  return isJson(response) ? response.json() : {};
}

// Read each time: signing in again in another tab changes it.
function token() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}
