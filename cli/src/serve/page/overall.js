// Progress and time left over all files of a batch. A batch begins when files are added and no upload runs.

import { announce, element } from './dom.js';
import { Speed } from './speed.js';
import { counted, formatSize, formatTime } from './words.js';

// Screen readers read the progress out at this interval, not at each change.
const SPOKEN_EVERY_MS = 10 * 1000;

let speed = new Speed();
let timer = null;
let spokenAt = 0;

export function isEnded({ state }) {
  return ['done', 'failed', 'cancelled'].includes(state);
}

/** Begins a batch, which calls `refresh` every second until it has ended. */
export function beginBatch(refresh) {
  speed = new Speed();
  spokenAt = performance.now();
  clearInterval(timer);
  // The time left changes even while no bytes move.
  timer = setInterval(refresh, 1000);
}

export function countBytes(bytes) {
  speed.add(bytes);
}

/** Shows the progress of a batch, or the outcome of all listed uploads once the batch has ended. */
export function showOverall(batch, listed) {
  const ended = batch.every(isEnded);
  const text = ended ? outcome(listed) : underWay(batch);
  element('overall').hidden = listed.length === 0;
  element('overall-text').textContent = text;
  element('overall-bar').hidden = ended;
  if (ended && timer !== null) {
    clearInterval(timer);
    timer = null;
    if (batch.length > 1) announce(`All uploads have ended: ${outcome(batch)}.`);
  } else if (!ended && performance.now() - spokenAt > SPOKEN_EVERY_MS) {
    spokenAt = performance.now();
    announce(text);
  }
}

/** Such as "2 uploaded, 1 failed". */
function outcome(uploads) {
  const parts = [['done', 'uploaded'], ['failed', 'failed'], ['cancelled', 'cancelled']]
    .map(([state, word]) => ({ count: count(uploads, state), word }));
  return parts.filter((part) => part.count > 0).map((part) => `${part.count} ${part.word}`).join(', ');
}

function underWay(batch) {
  const counting = batch.filter(({ state }) => !['failed', 'cancelled'].includes(state));
  const total = counting.reduce((sum, { file }) => sum + file.size, 0);
  const sent = counting.reduce((sum, upload) => sum + upload.sent, 0);
  element('overall-bar').value = Math.floor((sent / total) * 100);
  const rate = speed.perSecond();
  const left = rate && sent < total ? `about ${formatTime((total - sent) / rate)} left` : null;
  const files = `${count(counting, 'done')} of ${counted(counting.length, 'file')}`;
  return [files, `${formatSize(sent)} of ${formatSize(total)}`, left].filter(Boolean).join(', ');
}

function count(uploads, state) {
  return uploads.filter((upload) => upload.state === state).length;
}
