// Errors that the page shows.

/** An error in words for the user. `retry` says whether another attempt may succeed. */
export class Failure extends Error {
  constructor(sentence, { status = 0, code = '', retry = false } = {}) {
    super(sentence);
    this.status = status;
    this.code = code;
    this.retry = retry;
  }
}

/** Whether the same request may succeed later: timeouts, rate limits, servers in trouble. */
export function mayPass(status) {
  return [408, 429, 500, 502, 503, 504].includes(status);
}
