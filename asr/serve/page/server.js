// What the page asks of the server that it came from; addresses are relative, so it may live below a path.

let token = ""; // for this tab only, until it is closed
try {
  token = sessionStorage.getItem("token") ?? "";
} catch {
  // Storage is forbidden: it holds until the page is loaded again.
}

export function setToken(value) {
  token = value;
  try {
    sessionStorage.setItem("token", value);
  } catch {
    // Likewise.
  }
}

export const tokenOf = () => token;

/** What the page calls what happens there. */
export const SAID = { uploading: "Uploading", cancelled: "Nothing of it is left on the server." };

export const UNREADABLE = -1; // a folder, or a file that was moved or changed since it was chosen: no request ever went out

const ADVICE = {
  [UNREADABLE]: "Is it a folder, or was it moved or changed since you chose it? Choose the file again.",
  0: "Is the server still running, and this machine connected to it? Your file is still here: try again when it is back.",
  400: "Check that the file is a recording and is complete; converting it to WAV or FLAC often helps.",
  401: "Enter the access token that the server was started with.",
  403: "Enter the access token that the server was started with.",
  404: "Choose another model above and try again.",
  408: "Try again, or cut the recording into shorter ones.",
  413: "Cut the recording into shorter ones, or ask whoever runs the server to raise its limit.",
  415: "Check that the file is a recording; converting it to WAV or FLAC often helps.",
  422: "Check that the file is a recording and is complete; converting it to WAV or FLAC often helps.",
  429: "The server is busy. Try again in a moment.",
  500: "This is a fault of the server, not of your file. Try again; its log may say more.",
  503: "The server is busy or going down. Try again in a moment.",
  504: "Try again, or cut the recording into shorter ones.",
};

/** What the server answered instead of a transcript: its message, and what one can do about it. */
export class ServerError extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.advice = ADVICE[status] ?? (status >= 500 ? ADVICE[500] : ADVICE[400]);
    if (retryAfter && status !== 401) this.advice = `The server is busy. Try again in ${retryAfter} seconds.`;
  }
}

function failure(status, text, retryAfter) {
  if (!status) return new ServerError(0, "The server cannot be reached.");
  let message = "";
  try {
    const body = JSON.parse(text);
    const detail = body.error?.message ?? body.detail ?? "";
    message = typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    // Not from our server: a proxy in between, for instance.
  }
  return new ServerError(status, message || `The server answered ${status}.`, Number(retryAfter) || null);
}

const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

/** Models by name, the server's own first, and its limits where it says them: { names, limits: { bytes, seconds } }. */
export async function models() {
  let response;
  try {
    response = await fetch("v1/models", { headers: authorization() });
  } catch {
    throw failure(0);
  }
  const text = await response.text();
  if (!response.ok) throw failure(response.status, text, response.headers.get("Retry-After"));
  const body = JSON.parse(text);
  return { names: body.data.map((model) => model.id), limits: body.limits ?? {} };
}

/** Events of a text/event-stream as they come: call with all text so far. Each ends with an empty line. */
function eventReader(receive) {
  let read = 0;
  let searched = 0; // a last event of megabytes comes in many parts
  return (text) => {
    for (;;) {
      const end = text.indexOf("\n\n", searched);
      if (end < 0) {
        searched = Math.max(read, text.length - 1);
        return;
      }
      const block = text.slice(read, end);
      read = end + 2;
      searched = read;
      const data = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
      if (data && data !== "[DONE]") receive(JSON.parse(data));
    }
  };
}

async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/**
 * Sends a file and resolves to the answer (verbose_json).
 *
 * @param {Blob} file
 * @param {object} options name, model, signal (AbortSignal), and what is called meanwhile:
 *   uploaded(fraction), heard(seconds, duration), said(text)
 *
 * An XMLHttpRequest, because fetch tells nothing of an upload's progress.
 */
export function transcribe(file, { name, model, signal, uploaded, heard, said }) {
  const form = new FormData();
  if (model) form.append("model", model);
  form.append("response_format", "verbose_json");
  form.append("timestamp_granularities[]", "word");
  form.append("timestamp_granularities[]", "segment");
  form.append("stream", "true");
  form.append("file", file, name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let answer = null;
    let fault = null;
    const events = eventReader((event) => {
      if (event.type === "transcript.text.delta") said(event.delta);
      else if (event.type === "transcript.progress") heard(event.seconds, event.duration);
      else if (event.type === "transcript.text.done") answer = event;
      else if (event.type === "error") fault = new ServerError(event.error?.status ?? 400, event.error?.message ?? "The server stopped.");
    });
    const isStream = () => (request.getResponseHeader("Content-Type") ?? "").startsWith("text/event-stream");
    request.upload.onprogress = (event) => event.lengthComputable && uploaded(event.loaded / event.total);
    request.upload.onload = () => uploaded(1);
    request.onprogress = () => request.status === 200 && isStream() && events(request.responseText);
    request.onerror = async () => reject((await isReadable(file)) ? failure(0) : new ServerError(UNREADABLE, `${name} cannot be read.`));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onload = () => {
      try {
        if (request.status !== 200) throw failure(request.status, request.responseText, request.getResponseHeader("Retry-After"));
        if (isStream()) events(`${request.responseText}\n\n`);
        else answer = JSON.parse(request.responseText);
        if (fault) throw fault;
        if (!answer) throw new ServerError(503, "The server stopped before it was done.");
        resolve(answer);
      } catch (error) {
        reject(error instanceof SyntaxError ? new ServerError(500, "The answer of the server could not be read.") : error);
      }
    };
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", "v1/audio/transcriptions");
    for (const [header, value] of Object.entries(authorization())) request.setRequestHeader(header, value);
    request.send(form);
  });
}
