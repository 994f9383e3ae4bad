// The form for workspace and key. Without a demo workspace, each tab asks for them once.

import { api } from './api.js';
import { element, find, showText } from './dom.js';
import { openSession } from './session.js';
import * as storage from './storage.js';

const KEY = 'tower-asset-upload:access';

export function storedAccess() {
  const access = storage.read('sessionStorage', KEY);
  return access?.slug && access?.key ? access : null;
}

export function forgetAccess() {
  storage.remove('sessionStorage', KEY);
}

/** Shows the form, and calls `open` with the first workspace and key that the server accepts. */
export function askForAccess(demo, open) {
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
    storage.write('sessionStorage', KEY, access);
    element('api-key').value = '';
    element('access').hidden = true;
    open(access);
    element('files').focus();
  });
}

/** Asks for an asset that cannot exist, so that a mistyped key shows here and not at the first file. */
async function objectionTo(demo, access) {
  if (!/^[\x21-\x7e]+$/.test(access.key)) {
    return 'An API key has only visible ASCII characters, without spaces.';
  }
  openSession(demo, access);
  try {
    await api('GET', '00000000-0000-0000-0000-000000000000');
  } catch (failure) {
    const missingAsset = failure.status === 404 && failure.message.startsWith('Asset not found');
    return missingAsset ? null : failure.message;
  }
  return null;
}
