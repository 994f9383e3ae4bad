// The warning before the page is left.

/** Whether the browser asks before it leaves the page. A listener that stays would keep it out of the back/forward cache. */
export function warnBeforeLeaving(needed) {
  if (needed) window.addEventListener('beforeunload', ask);
  else window.removeEventListener('beforeunload', ask);
}

function ask(event) {
  event.preventDefault();
}
