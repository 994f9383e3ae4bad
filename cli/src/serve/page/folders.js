// The files of a drop, folders included.

/** Every file with its path inside the drop, sorted by path, and the paths that can't be read. */
export async function droppedFiles(dataTransfer) {
  // The items are gone after the first await.
  const items = Array.from(dataTransfer.items)
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found = { files: [], unreadable: [] };
  for (const { entry, file } of items) {
    if (entry?.isDirectory) await walk(entry, found);
    else if (file) found.files.push({ file, path: file.name });
  }
  found.files.sort((a, b) => a.path.localeCompare(b.path, undefined, { numeric: true }));
  return found;
}

async function walk(entry, found) {
  const path = entry.fullPath.replace(/^\//, '');
  try {
    if (entry.isDirectory) {
      for (const child of await children(entry)) await walk(child, found);
    } else {
      found.files.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
    }
  } catch {
    found.unreadable.push(path);
  }
}

async function children(directory) {
  const reader = directory.createReader();
  const all = [];
  // A call gives a part only (100 entries in Chromium); after the last one comes an empty part.
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all;
    all.push(...part);
  }
}
