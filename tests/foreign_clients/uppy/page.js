// What an application does with Uppy and this API. Uppy 5 asks `getUploadParameters`, Uppy 6 `signRequest`.
import Uppy from "@uppy/core";
import AwsS3 from "@uppy/aws-s3";

async function call(method, path, body) {
  const answer = await fetch(`/api/v1/workspaces/${setup.slug}/assets/${path}`, {
    method,
    headers: { "X-API-Key": setup.key, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

// A file of Uppy's, announced; what Uppy needs to upload it.
async function announce({ id, name, type, size }) {
  const { asset_id, upload_data } = await call("POST", "", { name, type, size });
  uppy.setFileMeta(id, { asset_id });
  return upload_data;
}

// Uppy 6 sends a form where there are fields, and else a PUT; what a browser sets by itself it
// wants left out.
function signed({ url, method, fields, headers }) {
  if (method === "POST") return { url, fields };
  const { "Content-Length": _, ...others } = headers;
  return { url, headers: others };
}

const uppy = new Uppy();
uppy.use(AwsS3, {
  shouldUseMultipart: false,
  getUploadParameters: announce,
  generateObjectKey: (file) => file.id,
  signRequest: async (request) => signed(await announce(uppy.getFile(request.key))),
});

window.events = [];
uppy.on("upload-progress", (_, { bytesUploaded, bytesTotal }) => {
  window.events.push([bytesUploaded, bytesTotal]);
});

// Uploads one file; `window.outcome` is what came of it.
window.upload = async (name, type, size) => {
  const bytes = Uint8Array.from({ length: size }, (_, at) => (at * 31) % 251);
  try {
    uppy.addFile({ name, type, data: new Blob([bytes], { type }) });
    const { successful, failed } = await uppy.upload();
    for (const file of successful) await call("PATCH", `${file.meta.asset_id}/`, {});
    window.outcome = {
      version: Uppy.VERSION,
      asset_id: successful[0]?.meta.asset_id,
      failed: failed.map((file) => String(file.error)),
    };
  } catch (error) {
    window.outcome = { failed: [String(error)] };
  }
};
