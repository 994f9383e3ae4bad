// The workspace that the page serves, set once the page knows it.

export const session = {
  base: '',
  slug: '',
  key: '',
  /** The size limit of a file, in bytes. */
  maxSize: 0,
  /** The media types that the server accepts; null if it accepts all. */
  types: null,
};

export function openSession(demo, { slug, key }) {
  const { base, max_size: maxSize, types } = demo;
  Object.assign(session, { base, slug, key, maxSize, types });
}
