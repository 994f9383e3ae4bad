// One row of the upload list.

import { find, fromTemplate } from './dom.js';
import { visibleName } from './names.js';
import { localPreview } from './pictures.js';
import { formatSize } from './words.js';

export function uploadRow(file, path) {
  const row = fromTemplate('upload-template');
  const shownPath = visibleName(path);
  const slash = shownPath.lastIndexOf('/');
  row.dataset.name = visibleName(file.name);
  find('.name', row).textContent = shownPath.slice(slash + 1);
  find('.name', row).title = shownPath;
  find('.folder', row).textContent = slash > 0 ? shownPath.slice(0, slash) : '';
  find('.folder-line', row).hidden = slash <= 0;
  find('.size', row).textContent = formatSize(file.size);
  find('progress', row).setAttribute('aria-label', `Upload of ${shownPath}`);
  find('.cancel', row).setAttribute('aria-label', `Cancel upload of ${shownPath}`);
  find('.retry', row).setAttribute('aria-label', `Retry upload of ${shownPath}`);
  find('.thumb', row).append(localPreview(file));
  return row;
}

export function showState(row, state, text, { cancel, retry }) {
  row.dataset.state = state;
  find('.message', row).textContent = text;
  if (state === 'waiting') find('progress', row).value = 0;
  if (state === 'verifying') find('progress', row).value = 100;
  const hadFocus = row.contains(document.activeElement);
  find('.cancel', row).hidden = !cancel;
  find('.retry', row).hidden = !retry;
  if (hadFocus) keepFocusIn(row);
}

export function showPercent(row, percent) {
  find('.message', row).textContent = `Uploading ${percent} %`;
  find('progress', row).value = percent;
}

/** The button that was pressed may be gone; whoever uses a keyboard must not be thrown back to the top. */
function keepFocusIn(row) {
  if (row.contains(document.activeElement) && !document.activeElement.hidden) return;
  (find('button:not([hidden])', row) ?? row).focus();
}
