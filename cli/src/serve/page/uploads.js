// The uploads: each from start to end, and which of them run.
//
// A file takes four requests: POST (the server signs a form), the upload itself (straight to the
// object store), PATCH (the server verifies what arrived) and GET (a signed download URL).

import { api } from './api.js';
import { announce, element, find } from './dom.js';
import { Failure } from './failure.js';
import { keep } from './gallery.js';
import { warnBeforeLeaving } from './leaving.js';
import { objectionTo } from './limits.js';
import { visibleName } from './names.js';
import { isReadable, sendToStore, UNREADABLE_FILE, usableUntil, wasUsed } from './object-store.js';
import { beginBatch, countBytes, isEnded, showOverall } from './overall.js';
import { showPercent, showState, uploadRow } from './row.js';
import { counted } from './words.js';

const PARALLEL = 3;

// More refusals at once are counted, not read out one by one.
const READ_OUT = 3;

const uploads = [];

/** The number of the current batch; overall.js says how batches begin. */
let batch = 0;

/** Adds files, the newest choice on top, and starts as many as may run. */
export function addFiles(files) {
  if (files.length === 0) return;
  joinBatch();
  const added = files.map(({ file, path }) => newUpload(file, path));
  uploads.push(...added);
  element('uploads').prepend(...added.map(({ row }) => row));
  element('uploads-section').hidden = false;
  for (const upload of added) check(upload);
  announceAdded(added);
  startWaiting();
}

function check(upload) {
  const objection = objectionTo(upload.file);
  upload.mayRetry = !objection;
  if (objection) setState(upload, 'failed', `Failed: ${objection}`);
  else setState(upload, 'waiting', 'Waiting');
}

function announceAdded(added) {
  const refused = added.filter(isEnded);
  if (refused.length < added.length) announce(`${counted(added.length - refused.length, 'upload')} started.`);
  if (refused.length > READ_OUT) announce(`${refused.length} files refused.`);
  else for (const { file } of refused) announce(`Upload failed. ${objectionTo(file)}`);
}

function newUpload(file, path) {
  const upload = {
    file,
    name: visibleName(path),
    row: uploadRow(file, path),
    batch,
    state: 'waiting',
    /** Bytes that the object store has got. */
    sent: 0,
    /** Ends the attempt that is under way. */
    attempt: null,
    /** The asset and its form. */
    ticket: null,
    mayRetry: true,
  };
  find('.cancel', upload.row).addEventListener('click', () => cancel(upload));
  find('.retry', upload.row).addEventListener('click', () => retry(upload));
  return upload;
}

function joinBatch() {
  if (uploads.some((upload) => !isEnded(upload))) return;
  batch += 1;
  beginBatch(refreshOverall);
}

function refreshOverall() {
  showOverall(uploads.filter((upload) => upload.batch === batch), uploads);
}

function startWaiting() {
  const running = uploads.filter((upload) => upload.attempt).length;
  uploads
    .filter((upload) => upload.state === 'waiting' && !upload.attempt)
    .slice(0, Math.max(0, PARALLEL - running))
    .forEach(run);
}

// ---------------------------------------------------------------- One upload, from start to end

async function run(upload) {
  upload.attempt = new AbortController();
  const { signal } = upload.attempt;
  try {
    await prepare(upload, signal);
    await send(upload, signal);
    const asset = await verify(upload, signal);
    upload.sent = upload.file.size;
    setState(upload, 'done', 'Done');
    announce(`${upload.name}: uploaded.`);
    keep(asset, upload.file.size);
  } catch (error) {
    if (signal.aborted) cancelled(upload);
    else fail(upload, error);
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
  abandon(upload);
  const created = await api('POST', '', {
    body: { name: file.name, type: file.type, size: file.size },
    signal,
  });
  const { asset_id: assetId, upload_data: form } = created;
  upload.ticket = { assetId, form, usableUntil: usableUntil(form), stored: false };
}

async function send(upload, signal) {
  const { ticket, file } = upload;
  if (ticket.stored) return;
  setState(upload, 'uploading', 'Uploading 0 %');
  try {
    await sendToStore(ticket.form, file, signal, (part) => progress(upload, part));
  } catch (error) {
    if (error.code === 'expired') abandon(upload);
    if (!wasUsed(ticket.form, error)) throw error;
  }
  ticket.stored = true;
}

function progress(upload, part) {
  // The last progress event may come after Cancel.
  if (upload.attempt?.signal.aborted) return;
  // `part` counts the fields of the form, too.
  const sent = part * upload.file.size;
  countBytes(Math.max(0, sent - upload.sent));
  upload.sent = sent;
  showPercent(upload.row, Math.floor(part * 100));
  refreshOverall();
}

async function verify(upload, signal) {
  const { ticket } = upload;
  setState(upload, 'verifying', 'Verifying');
  try {
    await api('PATCH', ticket.assetId, { body: { is_uploaded: true }, signal });
    return await api('GET', ticket.assetId, { signal });
  } catch (error) {
    // The file isn't there, or another one is, or the asset is gone: a retry sends the file again.
    if ([404, 409].includes(error.status)) error.retry = true;
    if (error.status === 409) ticket.stored = false;
    const lost = ['object_mismatch', 'object_changed'].includes(error.code);
    if (lost || error.status === 404) upload.ticket = null;
    throw error;
  }
}

function cancel(upload) {
  if (upload.attempt) upload.attempt.abort();
  else cancelled(upload);
}

function cancelled(upload) {
  abandon(upload);
  upload.mayRetry = true;
  setState(upload, 'cancelled', 'Cancelled');
  announce(`${upload.name}: upload cancelled.`);
}

function fail(upload, error) {
  const sentence = error instanceof Failure ? error.message : `Unexpected error: ${error.message}`;
  upload.mayRetry = error.retry === true;
  if (!upload.mayRetry) abandon(upload);
  setState(upload, 'failed', `Failed: ${sentence}`);
  announce(`${upload.name}: upload failed. ${sentence}`);
}

function retry(upload) {
  joinBatch();
  upload.batch = batch;
  upload.sent = 0;
  setState(upload, 'waiting', 'Waiting');
  startWaiting();
}

/** Deletes an asset whose upload has been given up. */
function abandon(upload) {
  if (!upload.ticket) return;
  const { assetId } = upload.ticket;
  upload.ticket = null;
  // If this fails too, the server's clean-up takes care of it.
  api('DELETE', assetId).catch(() => {});
}

function isUsable(ticket) {
  return ticket !== null && (ticket.stored || Date.now() < ticket.usableUntil);
}

// ---------------------------------------------------------------- The list

function setState(upload, state, text) {
  upload.state = state;
  const ended = isEnded(upload);
  showState(upload.row, state, text, {
    cancel: !ended,
    retry: ended && state !== 'done' && upload.mayRetry,
  });
  element('clear').hidden = !uploads.some(isEnded);
  warnBeforeLeaving(uploads.some((other) => !isEnded(other)));
  refreshOverall();
}

export function clearEnded() {
  for (const upload of uploads.filter(isEnded)) {
    if (upload.state === 'failed') abandon(upload);
    uploads.splice(uploads.indexOf(upload), 1);
    upload.row.remove();
  }
  element('clear').hidden = true;
  element('uploads-section').hidden = uploads.length === 0;
  refreshOverall();
  (uploads.length === 0 ? element('files') : element('uploads-title')).focus();
}
