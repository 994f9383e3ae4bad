// The files uploaded from this browser, newest first.

import { api } from './api.js';
import { confirmDelete } from './confirm.js';
import { announce, element, find, fromTemplate, showText } from './dom.js';
import { visibleName } from './names.js';
import { glyph, isPicture, picture } from './pictures.js';
import { session } from './session.js';
import * as storage from './storage.js';
import { formatSize } from './words.js';

// Showing an earlier upload again costs one request each, and the API may be rate limited.
const REMEMBERED = 24;

// Download URLs are signed for an hour.
const URL_LIFETIME_MS = 50 * 60 * 1000;

export function keep(asset, size) {
  remember([{ id: asset.asset_id, size }, ...recall().filter(({ id }) => id !== asset.asset_id)]);
  element('gallery').prepend(assetCard(asset, size));
  element('gallery-section').hidden = false;
}

export async function restoreGallery() {
  element('gallery-scope').textContent =
    `This browser's last ${REMEMBERED} uploads, newest first. Files uploaded elsewhere are not listed.`;
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
  const shownName = visibleName(asset.asset_name);
  card.dataset.id = asset.asset_id;
  card.dataset.name = shownName;
  const name = find('.name bdi', card);
  name.textContent = shownName;
  name.title = shownName;
  // No break between a number and its unit.
  const shownSize = size && formatSize(size).replace(' ', '\u00a0');
  find('.meta', card).textContent = [asset.asset_type, shownSize].filter(Boolean).join(' · ');
  setAssetUrl(card, asset);
  const remove = find('.delete', card);
  remove.setAttribute('aria-label', `Delete ${shownName}`);
  remove.addEventListener('click', () => deleteAsset(card));
  return card;
}

function setAssetUrl(card, asset) {
  const url = webUrl(asset.asset_url);
  const { name } = card.dataset;
  card.dataset.signedAt = Date.now();
  const shown = url && isPicture(asset.asset_type);
  find('.preview', card).replaceChildren(shown ? picture(url, `Preview of ${name}`, name) : glyph(name));
  const link = find('.download', card);
  // The server signs how the browser treats the file: such types are shown, all others are saved.
  const verb = opensInBrowser(asset.asset_type) ? 'Open' : 'Download';
  link.textContent = verb;
  link.setAttribute('aria-label', `${verb} ${name}`);
  link.download = name;
  if (url) link.href = url;
}

function opensInBrowser(type) {
  return isPicture(type) || /^(audio|video)\//.test(type) || type === 'application/pdf' || type === 'text/plain';
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

async function deleteAsset(card) {
  const { id, name } = card.dataset;
  if (!(await confirmDelete(name))) return;
  const remove = find('.delete', card);
  remove.disabled = true;
  try {
    await api('DELETE', id);
  } catch (failure) {
    if (failure.status !== 404) {
      remove.disabled = false;
      remove.focus();
      showText(find('.asset-error', card), failure.message);
      return;
    }
  }
  const neighbour = card.nextElementSibling ?? card.previousElementSibling;
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
  storage.write('localStorage', assetsKey(), items.slice(0, REMEMBERED));
}

function recall() {
  const items = storage.read('localStorage', assetsKey());
  return Array.isArray(items) ? items.filter((item) => typeof item?.id === 'string') : [];
}

function assetsKey() {
  return `tower-asset-upload:assets:${session.slug}`;
}
