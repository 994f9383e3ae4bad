// Thumbnails, and the drawing of a sheet for files that are no pictures.

import { find, fromTemplate } from './dom.js';

// The types that browsers draw in an <img>. SVG is left out: it can hold scripts and links.
const RASTER_TYPES = new Set([
  'image/apng', 'image/avif', 'image/bmp', 'image/gif', 'image/jpeg', 'image/png', 'image/webp',
]);

// Decoding a very large picture for a thumbnail of 44 pixels would stall the page.
const PREVIEW_LIMIT = 20 * 1024 * 1024;

export function isPicture(type) {
  return RASTER_TYPES.has(type);
}

export function localPreview(file) {
  if (!isPicture(file.type) || file.size > PREVIEW_LIMIT) return glyph(file.name);
  const url = URL.createObjectURL(file);
  const image = picture(url, '', file.name);
  for (const event of ['load', 'error']) image.addEventListener(event, () => URL.revokeObjectURL(url));
  return image;
}

/** An image that turns into a file glyph if the browser cannot draw it after all. */
export function picture(url, alt, name) {
  const image = document.createElement('img');
  image.alt = alt;
  image.decoding = 'async';
  image.referrerPolicy = 'no-referrer';
  image.addEventListener('load', () => image.classList.toggle('small', image.naturalWidth < 160));
  image.addEventListener('error', () => image.replaceWith(glyph(name)));
  image.src = url;
  return image;
}

export function glyph(name) {
  const drawing = fromTemplate('glyph-template');
  const extension = /\.([A-Za-z0-9]{1,4})$/.exec(name)?.[1] ?? '';
  find('.glyph-text', drawing).textContent = extension.toUpperCase();
  return drawing;
}
