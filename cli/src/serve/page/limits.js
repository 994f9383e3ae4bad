// The limits of the server: shown before files are chosen, and checked before a request.

import { element } from './dom.js';
import { visibleName } from './names.js';
import { session } from './session.js';
import { counted, formatSize, sentences } from './words.js';

// A longer list of types is shown as these kinds, and in full under "All accepted types".
const SHORT_LIST = 6;

const KINDS = [
  ['images', /^image\//],
  ['audio', /^audio\//],
  ['video', /^video\//],
  ['text', /^text\/|json$|\bxml$|sql$/],
  ['PDF', /\/pdf$/],
  ['office documents', /msword|ms-excel|ms-powerpoint|officedocument|opendocument|rtf$|visio/],
  ['archives', /zip|rar|tar|7z|compressed/],
  ['fonts', /^font\//],
  ['3D models', /^model\//],
  ['files of unknown type', /^application\/octet-stream$/],
];

export function showLimits() {
  element('files-hint').textContent = sentences(`Up to ${formatSize(session.maxSize)} a file`, acceptedTypes());
  const { types } = session;
  const details = element('accepted-types');
  details.hidden = types === null || types.length <= SHORT_LIST;
  if (details.hidden) return;
  element('accepted-types-title').textContent = `All ${counted(types.length, 'accepted type')}`;
  element('accepted-types-list').replaceChildren(...types.map((type) => {
    const item = document.createElement('li');
    item.textContent = type;
    return item;
  }));
}

/** Such as "Accepted: images, audio, text." */
export function acceptedTypes() {
  const { types } = session;
  if (types === null) return 'Accepted: every type.';
  const words = types.length <= SHORT_LIST ? types : kindsOf(types);
  return `Accepted: ${words.join(', ')}.`;
}

function kindsOf(types) {
  const kinds = KINDS.filter(([, pattern]) => types.some((type) => pattern.test(type))).map(([kind]) => kind);
  const others = types.filter((type) => !KINDS.some(([, pattern]) => pattern.test(type)));
  return [...kinds, ...others];
}

/**
 * Returns the sentence that refuses a file, or null. A file without a type passes: the server derives the type
 * from the extension.
 */
export function objectionTo(file) {
  const name = visibleName(file.name);
  const limit = formatSize(session.maxSize);
  if (file.size === 0) return `${name} is empty. A file has 1 byte to ${limit}.`;
  if (file.size > session.maxSize) return `${name} is larger than the limit of ${limit}.`;
  const type = file.type.split(';', 1)[0].trim().toLowerCase();
  if (type && session.types && !session.types.includes(type)) {
    return `The type of ${name} is ${type}, which this server does not accept. ${acceptedTypes()}`;
  }
  return null;
}
