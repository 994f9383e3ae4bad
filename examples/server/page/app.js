// The upload page of `examples/server.rs`.
//
// Each file takes four requests: POST (the server signs a form), the upload itself (straight to the
// object store), PATCH (the server verifies what arrived) and GET (a signed download URL).

const PARALLEL = 3;

// Showing an earlier upload again costs one request each, and the API may be rate limited.
const REMEMBERED = 24;

// What browsers draw in an <img>. SVG is left out: it is a document, not a picture.
const RASTER_TYPES = new Set([
  'image/apng', 'image/avif', 'image/bmp', 'image/gif', 'image/jpeg', 'image/png', 'image/webp',
]);

// Download URLs are signed for an hour.
const URL_LIFETIME_MS = 50 * 60 * 1000;

// A form about to expire would be refused halfway through the upload.
const FORM_MARGIN_MS = 30 * 1000;

// Decoding a very large picture for a thumbnail of 44 pixels would stall the page.
const PREVIEW_LIMIT = 20 * 1024 * 1024;

const UNREACHABLE_STORE =
  "The object store could not be reached from this browser (or it does not allow this page's origin: CORS).";
const UNREADABLE_FILE =
  'The browser cannot read this file: it is a folder, or it was changed, moved or deleted after it was chosen.';

const SESSION_KEY = 'tower-asset-upload:access';

/** Something went wrong, in words that can be shown. */
class Failure extends Error {
  constructor(sentence, status = 0, code = '') {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

/** { base, slug, key, maxSize }, set once the page knows which workspace it serves. */
let session = null;

const uploads = [];

start();

// ---------------------------------------------------------------- Starting

async function start() {
  listenForFiles();
  element('clear').addEventListener('click', clearFinished);
  let demo;
  try {
    demo = await loadDemo();
  } catch {
    showNotice('The server did not answer. Check that it is running, then reload this page.');
    return;
  }
  const access = demo.api_key ? { slug: demo.slug, key: demo.api_key } : storedAccess();
  if (access) {
    openWorkspace(demo, access, !demo.api_key);
  } else {
    askForAccess(demo);
  }
}

async function loadDemo() {
  const response = await fetch('/demo.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`demo.json: ${response.status}`);
  return response.json();
}

function openWorkspace(demo, access, changeable) {
  session = { base: demo.base, slug: access.slug, key: access.key, maxSize: demo.max_size };
  showWorkspace(changeable);
  element('files-hint').textContent = session.maxSize
    ? `Up to ${formatSize(session.maxSize)} each, several at once.`
    : 'Several at once.';
  element('choose').hidden = false;
  restoreGallery();
}

function showWorkspace(changeable) {
  element('workspace').hidden = false;
  find('strong', element('workspace')).textContent = session.slug;
  const change = element('change-access');
  change.hidden = !changeable;
  change.addEventListener('click', () => {
    forgetAccess();
    // Starting over is the one sure way to leave nothing of the other workspace behind.
    location.reload();
  });
}

// ---------------------------------------------------------------- Workspace and key

function askForAccess(demo) {
  const form = element('access-form');
  element('slug').value = demo.slug ?? '';
  element('access').hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const access = { slug: element('slug').value.trim(), key: element('api-key').value.trim() };
    const button = find('button', form);
    button.disabled = true;
    const objection = await objectionTo(demo, access);
    button.disabled = false;
    showText(element('access-error'), objection);
    if (objection) return;
    storeAccess(access);
    element('api-key').value = '';
    element('access').hidden = true;
    openWorkspace(demo, access, true);
    element('files').focus();
  });
}

/** Asks for an asset that cannot exist, so that a mistyped key shows here and not at the first file. */
async function objectionTo(demo, access) {
  if (!/^[\x21-\x7e]+$/.test(access.key)) {
    return 'An API key has only visible ASCII characters, without spaces.';
  }
  session = { base: demo.base, slug: access.slug, key: access.key };
  try {
    await api('GET', '00000000-0000-0000-0000-000000000000');
  } catch (failure) {
    const missingAsset = failure.status === 404 && failure.message.startsWith('Asset not found');
    return missingAsset ? null : failure.message;
  }
  return null;
}

function storedAccess() {
  const access = readJson(() => sessionStorage.getItem(SESSION_KEY));
  return access?.slug && access?.key ? access : null;
}

function storeAccess(access) {
  try {
    sessionStorage.setItem(SESSION_KEY, JSON.stringify(access));
  } catch {
    // Storage may be switched off; the key then lives as long as the page does.
  }
}

function forgetAccess() {
  try {
    sessionStorage.removeItem(SESSION_KEY);
  } catch {
    // Nothing was stored then.
  }
}

// ---------------------------------------------------------------- Choosing files

function listenForFiles() {
  const input = element('files');
  input.addEventListener('change', () => {
    const files = Array.from(input.files);
    // Without this, choosing the same file again would not be a change.
    input.value = '';
    addFiles(files);
  });
  // A file dropped beside the zone would make the browser leave the page, so the whole window takes it.
  window.addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  window.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) document.body.classList.remove('dragging');
  });
  window.addEventListener('drop', (event) => {
    document.body.classList.remove('dragging');
    if (!carriesFiles(event)) return;
    event.preventDefault();
    addFiles(Array.from(event.dataTransfer.files));
  });
}

function carriesFiles(event) {
  return Boolean(event.dataTransfer) && Array.from(event.dataTransfer.types).includes('Files');
}

function addFiles(files) {
  if (element('choose').hidden) return;
  for (const file of files) addUpload(file);
  startWaiting();
}

function addUpload(file) {
  const upload = { file, state: 'waiting', attempt: null, ticket: null, row: uploadRow(file) };
  find('.cancel', upload.row).addEventListener('click', () => cancel(upload));
  find('.retry', upload.row).addEventListener('click', () => retry(upload));
  uploads.push(upload);
  element('uploads').append(upload.row);
  element('uploads-section').hidden = false;

  const objection = objectionToSize(file);
  upload.hopeless = Boolean(objection);
  if (objection) {
    fail(upload, objection);
  } else {
    setState(upload, 'waiting', 'Waiting');
  }
}

function objectionToSize(file) {
  if (file.size === 0) return `${file.name} is empty: there is nothing to upload.`;
  if (session.maxSize && file.size > session.maxSize) {
    return `${file.name} is larger than the limit of ${formatSize(session.maxSize)}.`;
  }
  return null;
}

// ---------------------------------------------------------------- One upload, from start to end

function startWaiting() {
  const running = uploads.filter((upload) => upload.attempt).length;
  uploads
    .filter((upload) => upload.state === 'waiting' && !upload.attempt)
    .slice(0, Math.max(0, PARALLEL - running))
    .forEach(run);
}

async function run(upload) {
  upload.attempt = new AbortController();
  const { signal } = upload.attempt;
  announce(`${upload.file.name}: upload started.`);
  try {
    await prepare(upload, signal);
    await send(upload, signal);
    const asset = await verify(upload, signal);
    setState(upload, 'done', 'Done');
    announce(`${upload.file.name}: uploaded.`);
    keep(asset, upload.file.size);
  } catch (error) {
    if (signal.aborted) {
      cancelled(upload);
    } else {
      fail(upload, error instanceof Failure ? error.message : `Unexpected error: ${error.message}`);
    }
  } finally {
    upload.attempt = null;
    startWaiting();
  }
}

/** Gets a signed form, unless an earlier attempt left one that is still good. */
async function prepare(upload, signal) {
  const { file } = upload;
  setState(upload, 'preparing', 'Preparing');
  if (!(await isReadable(file))) throw new Failure(UNREADABLE_FILE);
  signal.throwIfAborted();
  if (isUsable(upload.ticket)) return;
  const created = await api('POST', '', {
    body: { name: file.name, type: file.type, size: file.size },
    signal,
  });
  upload.ticket = {
    assetId: created.asset_id,
    form: created.upload_data,
    goodUntil: Date.now() + formLifetime(created.upload_data) - FORM_MARGIN_MS,
    stored: false,
  };
}

async function send(upload, signal) {
  const { ticket, file } = upload;
  if (ticket.stored) return;
  showProgress(upload, 0);
  try {
    await sendToStore(ticket.form, file, signal, (percent) => showProgress(upload, percent));
  } catch (error) {
    // 403 means that the store doesn't accept the signature (any more): only a new form can help.
    if (error.status === 403) upload.ticket = null;
    if (!wasUsed(ticket.form, error)) throw error;
  }
  ticket.stored = true;
}

/**
 * Whether the URL was good for one upload, and there was one: perhaps ours, whose answer was lost. The server
 * compares what is there with what was announced.
 */
function wasUsed(form, error) {
  const conditions = /^(if-none-match|x-goog-if-generation-match)$/i;
  return error.status === 412 && Object.keys(form.headers ?? {}).some((name) => conditions.test(name));
}

async function verify(upload, signal) {
  const { ticket } = upload;
  setState(upload, 'verifying', 'Verifying');
  try {
    await api('PATCH', ticket.assetId, { body: { is_uploaded: true }, signal });
  } catch (error) {
    // 409: the file isn't there, so it has to be sent again; or another one was, and the asset is lost.
    if (error.status === 409) ticket.stored = false;
    const lost = ['object_mismatch', 'object_changed'].includes(error.code);
    if (lost || error.status === 404) upload.ticket = null;
    throw error;
  }
  return api('GET', ticket.assetId, { signal });
}

function cancel(upload) {
  if (upload.attempt) {
    upload.attempt.abort();
  } else {
    cancelled(upload);
  }
}

function cancelled(upload) {
  abandon(upload);
  setState(upload, 'cancelled', 'Cancelled');
  announce(`${upload.file.name}: upload cancelled.`);
}

function fail(upload, sentence) {
  setState(upload, 'failed', `Failed: ${sentence}`);
  announce(`${upload.file.name}: upload failed. ${sentence}`);
}

function retry(upload) {
  setState(upload, 'waiting', 'Waiting');
  startWaiting();
}

/** Takes back an asset that nobody is going to finish. */
function abandon(upload) {
  if (!upload.ticket) return;
  const { assetId } = upload.ticket;
  upload.ticket = null;
  // If this fails too, the server's clean-up takes care of it.
  api('DELETE', assetId).catch(() => {});
}

function isUsable(ticket) {
  return ticket !== null && (ticket.stored || Date.now() < ticket.goodUntil);
}

/** How long the form is good for, in milliseconds; from the server's clock only, since ours may be wrong. */
function formLifetime(form) {
  try {
    if (form.method === 'PUT') {
      return Number(new URL(form.url).searchParams.get('X-Amz-Expires')) * 1000;
    }
    const { expiration } = JSON.parse(atob(form.fields.policy));
    const lifetime = Date.parse(expiration) - parseAmzDate(form.fields['x-amz-date']);
    return Number.isFinite(lifetime) ? lifetime : 0;
  } catch {
    return 0;
  }
}

/** `20260131T235959Z`, which Date.parse doesn't know. */
function parseAmzDate(text) {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------- Talking to the object store

/** XMLHttpRequest, because fetch() does not report the progress of an upload. */
function sendToStore(form, file, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(form.method, form.url);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) onProgress(Math.floor((loaded / total) * 100));
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(storeFailure(request));
    };
    request.onerror = async () => {
      reject(new Failure((await isReadable(file)) ? UNREACHABLE_STORE : UNREADABLE_FILE));
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

function storeFailure(request) {
  const answer = new DOMParser().parseFromString(request.responseText, 'text/xml');
  const code = answer.querySelector('Error > Code')?.textContent.trim();
  const message = answer.querySelector('Error > Message')?.textContent.trim();
  const reason = [code, message].filter(Boolean).join(': ') || `status ${request.status}`;
  const refusal = `The object store refused the file (${reason.replace(/\.$/, '')})`;
  return new Failure(sentences(refusal, storeHint(request, code)), request.status);
}

function storeHint(request, code) {
  if (code === 'EntityTooLarge') return 'It is larger than the size the form was signed for.';
  if (code === 'EntityTooSmall') return 'It is smaller than the size the form was signed for.';
  if (request.status === 403) return 'The form may have expired: a retry gets a new one.';
  // OpenStack Swift answers 412.
  if ([412, 501].includes(request.status)) return 'This store takes no POST uploads: start the server with --signer put.';
  if (request.status >= 500) return 'It may be overloaded: retry in a moment.';
  return '';
}

// ---------------------------------------------------------------- Talking to the API

async function api(method, assetId, { body, signal } = {}) {
  const response = await sendRequest(method, assetId, body, signal);
  const text = await response.text();
  const answer = readJson(() => text) ?? {};
  // 409 with a form: the asset exists but its file never arrived, so this upload continues it.
  if (response.ok || (response.status === 409 && answer.upload_data)) return answer;
  throw apiFailure(response, answer, body);
}

async function sendRequest(method, assetId, body, signal) {
  const collection = `${session.base}/workspaces/${encodeURIComponent(session.slug)}/assets/`;
  const headers = { 'X-API-Key': session.key };
  if (body) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(assetId ? `${collection}${encodeURIComponent(assetId)}/` : collection, {
      method, headers, signal, cache: 'no-store', body: body && JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure('The server could not be reached. Check that it is running, then retry.');
  }
}

function apiFailure(response, answer, body) {
  const said = [answer.error, answer.detail, answer.message]
    .find((text) => typeof text === 'string' && text !== '');
  const words = sentences(said, apiHint(response, answer, body))
    || `The server answered with status ${response.status}.`;
  return new Failure(words, response.status, answer.code);
}

function apiHint(response, answer, body) {
  if (answer.error === 'Invalid file type.') {
    return body?.type
      ? `The browser calls it “${body.type}”, which is not among the types this server accepts.`
      : 'The browser does not know its type, and its extension is not among those this server accepts.';
  }
  if (answer.code === 'object_missing') return 'The object store does not have the file: retry to send it again.';
  if (answer.code === 'object_mismatch') return 'What arrived differs from what was announced: retry to send it again.';
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
  return seconds > 0 ? `in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}` : 'in a moment';
}

// ---------------------------------------------------------------- The rows of the upload list

function uploadRow(file) {
  const row = fromTemplate('upload-template');
  row.dataset.name = file.name;
  find('.name', row).textContent = file.name;
  find('.name', row).title = file.name;
  find('.size', row).textContent = formatSize(file.size);
  find('progress', row).setAttribute('aria-label', `Upload of ${file.name}`);
  find('.cancel', row).setAttribute('aria-label', `Cancel upload of ${file.name}`);
  find('.retry', row).setAttribute('aria-label', `Retry upload of ${file.name}`);
  find('.thumb', row).append(localPreview(file));
  return row;
}

function localPreview(file) {
  if (!RASTER_TYPES.has(file.type) || file.size > PREVIEW_LIMIT) return glyph(file.name);
  const url = URL.createObjectURL(file);
  const image = picture(url, '', file.name);
  for (const event of ['load', 'error']) image.addEventListener(event, () => URL.revokeObjectURL(url));
  return image;
}

function setState(upload, state, text) {
  const { row } = upload;
  upload.state = state;
  row.dataset.state = state;
  find('.message', row).textContent = text;
  if (state === 'waiting') find('progress', row).value = 0;
  if (state === 'verifying') find('progress', row).value = 100;
  const ended = isEnded(upload);
  const hadFocus = row.contains(document.activeElement);
  find('.cancel', row).hidden = ended;
  find('.retry', row).hidden = !ended || state === 'done' || upload.hopeless;
  if (hadFocus) keepFocusIn(row);
  element('clear').hidden = !uploads.some(isEnded);
}

function showProgress(upload, percent) {
  // The last progress event may come after Cancel.
  if (upload.attempt?.signal.aborted) return;
  setState(upload, 'uploading', `Uploading ${percent} %`);
  find('progress', upload.row).value = percent;
}

function isEnded(upload) {
  return ['done', 'failed', 'cancelled'].includes(upload.state);
}

/** The button that was pressed may be gone; whoever uses a keyboard must not be thrown back to the top. */
function keepFocusIn(row) {
  if (row.contains(document.activeElement) && !document.activeElement.hidden) return;
  (find('button:not([hidden])', row) ?? row).focus();
}

function clearFinished() {
  for (const upload of uploads.filter(isEnded)) {
    if (upload.state === 'failed') abandon(upload);
    uploads.splice(uploads.indexOf(upload), 1);
    upload.row.remove();
  }
  element('clear').hidden = true;
  element('uploads-section').hidden = uploads.length === 0;
  (uploads.length === 0 ? element('files') : element('uploads-title')).focus();
}

// ---------------------------------------------------------------- The gallery

function keep(asset, size) {
  remember([{ id: asset.asset_id, size }, ...recall().filter(({ id }) => id !== asset.asset_id)]);
  element('gallery').prepend(assetCard(asset, size));
  element('gallery-section').hidden = false;
}

async function restoreGallery() {
  setInterval(refreshOldUrls, 60 * 1000);
  document.addEventListener('visibilitychange', refreshOldUrls);

  const answers = await Promise.all(recall().map(async ({ id, size }) => {
    try {
      return { id, card: assetCard(await api('GET', id), size) };
    } catch (failure) {
      return { id, failure };
    }
  }));
  const gone = answers.filter(({ failure }) => failure?.status === 404).map(({ id }) => id);
  remember(recall().filter(({ id }) => !gone.includes(id)));
  element('gallery').append(...answers.filter(({ card }) => card).map(({ card }) => card));
  noteUnavailable(answers.filter(({ failure }) => failure && failure.status !== 404));
  hideEmptyGallery();
}

function noteUnavailable(answers) {
  if (answers.length === 0) return;
  const count = answers.length === 1 ? 'One earlier upload' : `${answers.length} earlier uploads`;
  showText(element('gallery-note'), `${count} could not be shown. ${answers[0].failure.message}`);
}

function assetCard(asset, size) {
  const card = fromTemplate('asset-template');
  card.dataset.id = asset.asset_id;
  card.dataset.name = asset.asset_name;
  const name = find('.name bdi', card);
  name.textContent = asset.asset_name;
  name.title = asset.asset_name;
  // No break between a number and its unit.
  const shownSize = size && formatSize(size).replace(' ', '\u00a0');
  find('.meta', card).textContent = [asset.asset_type, shownSize].filter(Boolean).join(' · ');
  setAssetUrl(card, asset);
  const remove = find('.delete', card);
  remove.setAttribute('aria-label', `Delete ${asset.asset_name}`);
  remove.addEventListener('click', () => deleteAsset(card));
  return card;
}

function setAssetUrl(card, asset) {
  const url = webUrl(asset.asset_url);
  card.dataset.signedAt = Date.now();
  const shown = url && RASTER_TYPES.has(asset.asset_type);
  find('.preview', card).replaceChildren(
    shown ? picture(url, `Preview of ${asset.asset_name}`, asset.asset_name) : glyph(asset.asset_name),
  );
  const link = find('.download', card);
  // The server signs how the browser treats the file: such types are shown, all others are saved.
  const verb = opensInBrowser(asset.asset_type) ? 'Open' : 'Download';
  link.textContent = verb;
  link.setAttribute('aria-label', `${verb} ${asset.asset_name}`);
  link.download = asset.asset_name;
  if (url) link.href = url;
}

function opensInBrowser(type) {
  return RASTER_TYPES.has(type) || /^(audio|video)\//.test(type) || type === 'application/pdf' || type === 'text/plain';
}

async function deleteAsset(card) {
  const remove = find('.delete', card);
  remove.disabled = true;
  try {
    await api('DELETE', card.dataset.id);
  } catch (failure) {
    if (failure.status !== 404) {
      remove.disabled = false;
      showText(find('.asset-error', card), failure.message);
      return;
    }
  }
  const neighbour = card.nextElementSibling ?? card.previousElementSibling;
  const { id, name } = card.dataset;
  remember(recall().filter((item) => item.id !== id));
  card.remove();
  hideEmptyGallery();
  (neighbour ? find('.delete', neighbour) : element('files')).focus();
  announce(`${name}: deleted.`);
}

/** A page that stays open would otherwise offer links that have expired. */
function refreshOldUrls() {
  if (document.hidden) return;
  for (const card of element('gallery').children) {
    if (Date.now() - Number(card.dataset.signedAt) < URL_LIFETIME_MS) continue;
    card.dataset.signedAt = Date.now();
    api('GET', card.dataset.id).then((asset) => setAssetUrl(card, asset), () => {});
  }
}

function hideEmptyGallery() {
  element('gallery-section').hidden = element('gallery').children.length === 0 && element('gallery-note').hidden;
}

/** Only ids and sizes are remembered: names, types and URLs come from the server, to those who hold a key. */
function remember(items) {
  try {
    localStorage.setItem(assetsKey(), JSON.stringify(items.slice(0, REMEMBERED)));
  } catch {
    // Storage may be switched off or full; a reload then shows nothing, which is all that is lost.
  }
}

function recall() {
  const items = readJson(() => localStorage.getItem(assetsKey()));
  return Array.isArray(items) ? items.filter((item) => typeof item?.id === 'string') : [];
}

function assetsKey() {
  return `tower-asset-upload:assets:${session.slug}`;
}

// ---------------------------------------------------------------- Small helpers

function element(id) {
  return document.getElementById(id);
}

function find(selector, root) {
  return root.querySelector(selector);
}

function fromTemplate(id) {
  return element(id).content.firstElementChild.cloneNode(true);
}

/** An image that turns into a file glyph if the browser cannot draw it after all. */
function picture(url, alt, name) {
  const image = document.createElement('img');
  image.alt = alt;
  image.decoding = 'async';
  image.referrerPolicy = 'no-referrer';
  image.addEventListener('load', () => image.classList.toggle('small', image.naturalWidth < 160));
  image.addEventListener('error', () => image.replaceWith(glyph(name)));
  image.src = url;
  return image;
}

function glyph(name) {
  const drawing = fromTemplate('glyph-template');
  const extension = /\.([A-Za-z0-9]{1,4})$/.exec(name)?.[1] ?? '';
  find('.glyph-text', drawing).textContent = extension.toUpperCase();
  return drawing;
}

/** Additions are read out; old ones are dropped so that the list doesn't grow for ever. */
function announce(text) {
  const line = document.createElement('p');
  line.textContent = text;
  const status = element('status');
  status.append(line);
  while (status.children.length > 20) status.firstElementChild.remove();
}

function showNotice(text) {
  showText(element('notice'), text);
}

function showText(place, text) {
  place.textContent = text ?? '';
  place.hidden = !text;
}

function sentences(...parts) {
  return parts.filter(Boolean).map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(' ');
}

function formatSize(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const rounded = value < 10 && unit > 0 ? Math.round(value * 10) / 10 : Math.round(value);
  return `${rounded} ${bytes === 1 ? 'byte' : units[unit]}`;
}

/** A link must never run script, whatever the server answers. */
function webUrl(text) {
  try {
    const url = new URL(text, location.href);
    return /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function readJson(read) {
  try {
    return JSON.parse(read());
  } catch {
    return null;
  }
}
