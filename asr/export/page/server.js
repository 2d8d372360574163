// Stands where the page of `asr serve` asks its server: the same functions, answered on this device. Nothing is sent anywhere.

import { UnreadableError, waveformOf } from "./waveform.js";

export const UNREADABLE = -1; // a folder, or a file that was moved or changed since it was chosen
const NO_SOUND = 415;
const NO_MODEL = 0;
const FAULT = 500;

/** What the page calls what happens here. */
export const SAID = { uploading: "Loading the model", cancelled: "" };

const ADVICE = {
  [UNREADABLE]: "Is it a folder, or was it moved or changed since you chose it? Choose the file again.",
  [NO_MODEL]: "The model is a file beside this page. Is the connection still there? Then try again.",
  [NO_SOUND]: "Check that the file is a recording and is complete; converting it to WAV or FLAC often helps.",
  [FAULT]: "The device may have too little memory for it. Close other pages and try again, or try a shorter recording.",
};

class HearingError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
    this.advice = ADVICE[status];
  }
}

// A worker has the policy of the page only if the page made its address: so it, too, can reach nothing but this place.
function newWorker() {
  const code = `import ${JSON.stringify(new URL("hearing-worker.js", import.meta.url).href)};`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  return new Worker(address, { type: "module" });
}

/** The worker that hears, and who waits for it. */
class Hearing {
  worker = null;
  waiting = new Map();
  ids = 0;

  start() {
    this.worker = newWorker();
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.stop(new HearingError(NO_MODEL, "A part of this page could not be loaded."));
    };
  }

  receive({ id, done, error, ...news }) {
    const one = this.waiting.get(id);
    if (!one) return; // cancelled
    if (done === undefined && error === undefined) {
      one.tell(news);
      return;
    }
    this.waiting.delete(id);
    if (error === undefined) one.resolve(done);
    else one.reject(new HearingError(one.ready ? FAULT : NO_MODEL, error));
  }

  ask(ask, what, { tell, signal, moved = [] }) {
    if (!this.worker) this.start();
    this.ids += 1;
    const id = this.ids;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, tell, ready: ask === "hear" });
      this.worker.postMessage({ id, ask, ...what }, moved);
      signal?.addEventListener("abort", () => {
        if (!this.waiting.delete(id)) return;
        this.worker.postMessage({ drop: id });
        reject(new DOMException("cancelled", "AbortError"));
      });
    });
  }

  /** The worker is ended, and all who wait are told. */
  stop(error) {
    this.worker.terminate();
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

const hearing = new Hearing();
let loading = null;
let fraction = 0; // of the model that is here

/** What reading.json says, when the model can hear. */
export function loaded() {
  loading ??= hearing.ask("load", {}, { tell: (news) => (fraction = news.loaded) }).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** The model, as the only one; its loading begins. */
export async function models() {
  const { name } = await loaded();
  return { names: [name], limits: {} };
}

export const setToken = () => {}; // nobody asks for one

async function soundOf(file, name) {
  try {
    return await waveformOf(file, name);
  } catch (error) {
    if (error instanceof UnreadableError) throw new HearingError(NO_SOUND, error.message);
    throw new HearingError(UNREADABLE, `${name} cannot be read.`);
  }
}

/**
 * Hears a file and resolves to what the server would answer (verbose_json).
 *
 * @param {Blob} file
 * @param {object} options name, signal (AbortSignal), and what is called meanwhile: uploaded(fraction) while the model is
 *   loaded, heard(seconds, duration), said(text)
 */
export async function transcribe(file, { name, signal, uploaded, heard, said }) {
  const aborted = new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
  });
  const timer = setInterval(() => uploaded(Math.min(0.99, fraction)), 100);
  try {
    await Promise.race([loaded(), aborted]);
  } finally {
    clearInterval(timer);
  }
  uploaded(1);
  const { samples, rate } = await Promise.race([soundOf(file, name), aborted]);
  const tell = ({ seconds, duration, text }) => {
    if (signal.aborted || seconds === undefined) return;
    heard(seconds, duration);
    if (text.length) said(`${text.join(" ")} `);
  };
  return hearing.ask("hear", { samples, rate }, { tell, signal, moved: [samples.buffer] });
}
