// The warning before the page is left.

/**
 * Says whether the browser asks before it leaves the page. The listener goes when it is not needed: it keeps
 * pages out of the back/forward cache.
 */
export function warnBeforeLeaving(needed) {
  if (needed) window.addEventListener('beforeunload', ask);
  else window.removeEventListener('beforeunload', ask);
}

function ask(event) {
  event.preventDefault();
}
