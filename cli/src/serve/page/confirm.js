// The question before a deletion.

import { element, find } from './dom.js';

/** Asks whether to delete the file; Escape means no. */
export function confirmDelete(name) {
  const dialog = element('confirm');
  find('bdi', dialog).textContent = name;
  dialog.returnValue = '';
  for (const button of dialog.querySelectorAll('button')) {
    button.onclick = () => dialog.close(button.value);
  }
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'delete'), { once: true });
  });
}
