// The upload page of `examples/server.rs`: finds the workspace to serve, and puts the parts together.

import { askForAccess, forgetAccess, storedAccess } from './access.js';
import { listenForFiles } from './choose.js';
import { element, find, showNotice } from './dom.js';
import { restoreGallery } from './gallery.js';
import { showLimits } from './limits.js';
import { openSession, session } from './session.js';
import { addFiles, clearEnded } from './uploads.js';

start();

async function start() {
  listenForFiles(addFiles);
  element('clear').addEventListener('click', clearEnded);
  let demo;
  try {
    demo = await loadDemo();
  } catch {
    showNotice('The server did not answer. Check that it is running, then reload this page.');
    return;
  }
  const access = demo.api_key ? { slug: demo.slug, key: demo.api_key } : storedAccess();
  if (access) openWorkspace(demo, access, !demo.api_key);
  else askForAccess(demo, (given) => openWorkspace(demo, given, true));
}

async function loadDemo() {
  const response = await fetch('/demo.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`demo.json: ${response.status}`);
  return response.json();
}

function openWorkspace(demo, access, changeable) {
  openSession(demo, access);
  showWorkspace(changeable);
  showLimits();
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
