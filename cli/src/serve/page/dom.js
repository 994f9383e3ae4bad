// The document: finding elements, filling templates, showing text and reading it out.

export function element(id) {
  return document.getElementById(id);
}

export function find(selector, root) {
  return root.querySelector(selector);
}

export function fromTemplate(id) {
  return element(id).content.firstElementChild.cloneNode(true);
}

export function showText(place, text) {
  place.textContent = text ?? '';
  place.hidden = !text;
}

export function showNotice(text) {
  showText(element('notice'), text);
}

/** Has screen readers read out a line. Old lines are dropped so that the list stays short. */
export function announce(text) {
  const line = document.createElement('p');
  line.textContent = text;
  const status = element('status');
  status.append(line);
  while (status.children.length > 20) status.firstElementChild.remove();
}
