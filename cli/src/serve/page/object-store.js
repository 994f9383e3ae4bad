// Uploads to the object store, with the form or URL that the server has signed.

import { Failure, mayPass } from './failure.js';
import { sentences } from './words.js';

const UNREACHABLE =
  "The object store could not be reached from this browser (or it does not allow this page's origin: CORS).";
export const UNREADABLE_FILE =
  'The browser cannot read this file: it was changed, moved or deleted after it was chosen, or it is a folder.';

// A form about to expire would be refused halfway through the upload.
const MARGIN_MS = 30 * 1000;

/** Sends the file. XMLHttpRequest, because fetch() does not report the progress of an upload. */
export function sendToStore(form, file, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(form.method, form.url);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) onProgress(loaded / total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(failureOf(request));
    };
    request.onerror = async () => {
      const readable = await isReadable(file);
      reject(new Failure(readable ? UNREACHABLE : UNREADABLE_FILE, { retry: readable }));
    };
    request.onabort = () => reject(signal.reason);
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(form.method === 'PUT' ? putBody(request, form, file) : formBody(form, file));
  });
}

function formBody(form, file) {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  // S3 ignores every field that comes after the file.
  body.append('file', file);
  return body;
}

function putBody(request, form, file) {
  for (const [name, value] of Object.entries(form.headers ?? {})) {
    // Browsers set these themselves and refuse to have them set.
    if (!/^(content-length|host)$/i.test(name)) request.setRequestHeader(name, value);
  }
  return file;
}

function failureOf(request) {
  const { status } = request;
  const answer = new DOMParser().parseFromString(request.responseText, 'text/xml');
  const code = answer.querySelector('Error > Code')?.textContent.trim();
  const message = answer.querySelector('Error > Message')?.textContent.trim();
  const reason = [code, message].filter(Boolean).join(': ') || `status ${status}`;
  const refusal = `The object store refused the file (${reason.replace(/\.$/, '')})`;
  // There is no code of its own for it: AWS answers "AccessDenied: … Policy expired", "AccessDenied: Request
  // has expired" or "ExpiredToken".
  const expired = [400, 403].includes(status) && /expired/i.test(reason);
  return new Failure(sentences(refusal, hint(status, code, expired)), {
    status,
    code: expired ? 'expired' : code,
    // RequestTimeout is the 400 with which S3 ends a connection that has stalled.
    retry: expired || mayPass(status) || code === 'RequestTimeout',
  });
}

function hint(status, code, expired) {
  if (expired) return 'The form has expired: a retry gets a new one.';
  if (code === 'EntityTooLarge') return 'It is larger than the size the form was signed for.';
  if (code === 'EntityTooSmall') return 'It is smaller than the size the form was signed for.';
  // OpenStack Swift answers 412.
  if ([412, 501].includes(status)) return 'This store takes no POST uploads: start the server with --signer put.';
  if (status >= 500) return 'It may be overloaded: retry in a moment.';
  return '';
}

/**
 * Whether the URL was good for one upload, and there was one: perhaps ours, whose answer was lost. The server
 * compares the stored file with the announced one.
 */
export function wasUsed(form, error) {
  const conditions = /^(if-none-match|x-goog-if-generation-match)$/i;
  return error.status === 412 && Object.keys(form.headers ?? {}).some((name) => conditions.test(name));
}

/** The last moment, by this browser's clock, to begin an upload with the form. */
export function usableUntil(form) {
  return Date.now() + lifetime(form) - MARGIN_MS;
}

/** In milliseconds, and by the server's clock only: this browser's may be wrong. */
function lifetime(form) {
  try {
    if (form.method === 'PUT') {
      return Number(new URL(form.url).searchParams.get('X-Amz-Expires')) * 1000;
    }
    const { expiration } = JSON.parse(atob(form.fields.policy));
    const life = Date.parse(expiration) - parseAmzDate(form.fields['x-amz-date']);
    return Number.isFinite(life) ? life : 0;
  } catch {
    return 0;
  }
}

/** `20260131T235959Z`, which Date.parse doesn't know. */
function parseAmzDate(text) {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
