// Takes the page's requests in hand. Each list is a queue; a request that finds it empty goes through.

/** Statuses with which POST requests to the API are answered; 0 is a broken network. */
window.apiAnswers = [];
/** The same for uploads, as `{ status, text }`, or `'hold'`. */
window.storeAnswers = [];
/** The uploads that are held: `progress(part)` and `go()`. */
window.held = [];
/** The methods of all requests to the API. */
window.calls = [];

const realFetch = window.fetch;
window.fetch = async (url, options = {}) => {
  window.calls.push(options.method);
  const status = options.method === 'POST' ? window.apiAnswers.shift() : undefined;
  if (status === undefined) return realFetch(url, options);
  if (status === 0) throw new TypeError('Failed to fetch');
  return new Response(JSON.stringify({ error: 'Refused by the test.' }), { status });
};

window.XMLHttpRequest = class extends XMLHttpRequest {
  get status() {
    return this.answer?.status ?? super.status;
  }

  get responseText() {
    return this.answer?.text ?? super.responseText;
  }

  send(body) {
    const answer = window.storeAnswers.shift();
    if (answer === undefined) {
      super.send(body);
    } else if (answer === 'hold') {
      window.held.push({
        progress: (part) => this.upload.onprogress({ lengthComputable: true, loaded: part * 1000, total: 1000 }),
        go: () => super.send(body),
      });
    } else {
      this.answer = answer;
      setTimeout(() => (answer.status === 0 ? this.onerror() : this.onload()));
    }
  }
};
