// Drives the code of docs/uppy.md, which stands before this in the same script.
window.events = [];
uppy.on("upload-progress", (_, { bytesUploaded, bytesTotal }) => {
  window.events.push([bytesUploaded, bytesTotal]);
});

const content = (size) => Uint8Array.from({ length: size }, (_, at) => (at * 31) % 251);
const fetched = window.fetch;
let usesUrlsBefore = false;
let completed;
const completion = new Promise((resolve) => (completed = resolve));

window.fetch = async (url, options) => {
  const answer = await fetched(url, options);
  if (options.method === "PATCH") completed(answer.status);
  if (options.method === "POST" && usesUrlsBefore) {
    const { upload_data } = await answer.clone().json();
    const { method, url, headers } = upload_data;
    await fetched(url, { method, headers, body: content(Number(headers["Content-Length"])) });
  }
  return answer;
};

// Has each URL used before Uppy gets it, as by an attempt whose answer was lost.
window.useUrlsBefore = () => {
  usesUrlsBefore = true;
};

// Uploads one file; once it is completed, `window.outcome` is what came of it.
window.upload = async (name, type, size) => {
  try {
    uppy.addFile({ name, type, data: new Blob([content(size)], { type }) });
    await uppy.upload();
  } catch (error) {
    console.error(error);
  }
  const [{ meta, error }] = uppy.getFiles();
  window.outcome = {
    version: Uppy.VERSION,
    asset_id: meta.asset_id,
    error: error ?? null,
    completed: await completion,
  };
};
