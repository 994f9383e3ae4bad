// Progress and time left, over all files of a batch: those added until nothing is under way any more.

import { announce, element } from './dom.js';
import { Speed } from './speed.js';
import { counted, formatSize, formatTime } from './words.js';

// Progress is read out this often, or a screen reader would speak without end.
const SPOKEN_EVERY_MS = 10 * 1000;

let speed = new Speed();
let timer = null;
let spokenAt = 0;

/** Begins a batch; `uploads` gives its uploads from then on. */
export function beginBatch(uploads) {
  speed = new Speed();
  spokenAt = performance.now();
  clearInterval(timer);
  // Without this, the time left would stand still while no bytes move.
  timer = setInterval(() => showOverall(uploads()), 1000);
}

export function countBytes(bytes) {
  speed.add(bytes);
}

export function showOverall(batch) {
  const count = (...states) => batch.filter(({ state }) => states.includes(state)).length;
  const ended = count('done', 'failed', 'cancelled') === batch.length;
  const text = ended ? outcome(count) : underWay(batch, count);
  element('overall').hidden = batch.length === 0;
  element('overall-text').textContent = text;
  element('overall-bar').hidden = ended;
  if (ended && timer !== null) {
    clearInterval(timer);
    timer = null;
    if (batch.length > 1) announce(`All uploads have ended: ${text}.`);
  } else if (!ended && performance.now() - spokenAt > SPOKEN_EVERY_MS) {
    spokenAt = performance.now();
    announce(text);
  }
}

function outcome(count) {
  const parts = [['done', 'uploaded'], ['failed', 'failed'], ['cancelled', 'cancelled']];
  return parts.filter(([state]) => count(state) > 0).map(([state, word]) => `${count(state)} ${word}`).join(', ');
}

function underWay(batch, count) {
  const counting = batch.filter(({ state }) => !['failed', 'cancelled'].includes(state));
  const total = counting.reduce((sum, { file }) => sum + file.size, 0);
  const sent = counting.reduce((sum, upload) => sum + upload.sent, 0);
  element('overall-bar').value = Math.floor((sent / total) * 100);
  const rate = speed.perSecond();
  const left = rate && sent < total ? `about ${formatTime((total - sent) / rate)} left` : null;
  const files = `${count('done')} of ${counted(counting.length, 'file')}`;
  return [files, `${formatSize(sent)} of ${formatSize(total)}`, left].filter(Boolean).join(', ');
}
