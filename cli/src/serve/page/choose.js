// Choosing and dropping files and folders.

import { element, showNotice } from './dom.js';
import { droppedFiles } from './folders.js';
import { visibleName } from './names.js';

/** Hands each choice to `take`, as a list of `{ file, path }`. */
export function listenForFiles(take) {
  for (const id of ['files', 'folder']) {
    const input = element(id);
    input.addEventListener('change', () => {
      const chosen = Array.from(input.files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
      // Without this, choosing the same file again would not be a change.
      input.value = '';
      if (chosen.length > 0) takeAll(chosen, take);
    });
  }
  // A file dropped beside the zone would make the browser leave the page, so the whole window takes it.
  window.addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  window.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) document.body.classList.remove('dragging');
  });
  window.addEventListener('drop', async (event) => {
    document.body.classList.remove('dragging');
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const { files, unreadable } = await droppedFiles(event.dataTransfer);
    takeAll(files, take, unreadable);
  });
}

function carriesFiles(event) {
  return Boolean(event.dataTransfer) && Array.from(event.dataTransfer.types).includes('Files');
}

function takeAll(files, take, unreadable = []) {
  if (element('choose').hidden) return;
  if (unreadable.length > 0) {
    showNotice(`The browser cannot read ${unreadable.map(visibleName).join(', ')}.`);
  } else {
    showNotice(files.length === 0 ? 'The dropped folder holds no files.' : null);
  }
  take(files);
}
