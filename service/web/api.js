// Talking to the service. Addresses are relative to where this file came from, so the page works under any prefix.

const ROOT = new URL("../", import.meta.url);

/** The service said no: its problem (RFC 9457) and how many seconds to wait, if it said so. */
export class ServiceProblem extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.detail ?? `HTTP ${status}`);
    this.status = status;
    this.fields = (problem?.errors ?? []).map((error) => error.field);
    this.retryAfter = retryAfter;
  }
}

export function getJson(path) {
  return request(path, {});
}

export function postJson(path, body, signal) {
  return request(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
  });
}

async function request(path, options) {
  const response = await fetch(new URL(path, ROOT), options);
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ServiceProblem(response.status, body, Number(response.headers.get("Retry-After")) || null);
  return body;
}
