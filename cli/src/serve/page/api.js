// Requests to the asset API.

import { Failure, mayPass } from './failure.js';
import { acceptedTypes } from './limits.js';
import { session } from './session.js';
import { counted, sentences } from './words.js';

export async function api(method, assetId, { body, signal } = {}) {
  const response = await request(method, assetId, body, signal);
  const answer = parse(await response.text());
  // 409 with a form: the asset exists but its file never arrived, so this upload continues it.
  if (response.ok || (response.status === 409 && answer.upload_data)) return answer;
  throw failureOf(response, answer, body);
}

async function request(method, assetId, body, signal) {
  const collection = `${session.base}/workspaces/${encodeURIComponent(session.slug)}/assets/`;
  const headers = { 'X-API-Key': session.key };
  if (body) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(assetId ? `${collection}${encodeURIComponent(assetId)}/` : collection, {
      method, headers, signal, cache: 'no-store', body: body && JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure('The server could not be reached. Check that it is running, then retry.', { retry: true });
  }
}

function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function failureOf(response, answer, body) {
  const said = [answer.error, answer.detail, answer.message]
    .find((text) => typeof text === 'string' && text !== '');
  const words = sentences(said, hint(response, answer, body))
    || `The server answered with status ${response.status}.`;
  const { status } = response;
  return new Failure(words, { status, code: answer.code, retry: mayPass(status) });
}

function hint(response, answer, body) {
  if (answer.error === 'Invalid file type.') {
    const reason = body?.type
      ? `The browser calls it ${body.type}`
      : 'The browser does not know its type, and the server does not accept its extension';
    return sentences(reason, acceptedTypes());
  }
  if (answer.code === 'object_missing') return 'The object store does not have the file: retry to send it again.';
  if (answer.code === 'object_mismatch') return 'The stored file differs from the announced one: retry to send it again.';
  switch (response.status) {
    case 401: return 'The API key is mistyped, expired or disabled.';
    case 403: return 'The API key lacks the scope for this.';
    case 404: return answer.error === 'The requested resource does not exist.'
      ? 'There is no such workspace, or this key is no member of it.' : '';
    case 413: return 'The request is larger than the server accepts.';
    case 429: return `Too many requests: retry ${when(response)}.`;
    case 503: return `The server cannot reach its database or storage: retry ${when(response)}.`;
    default: return '';
  }
}

function when(response) {
  const seconds = Number(response.headers.get('Retry-After'));
  return seconds > 0 ? `in ${counted(seconds, 'second')}` : 'in a moment';
}
