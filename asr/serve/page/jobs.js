// Files on their way to a transcript: two at a time, the others wait. Events: "change" (detail: the job), "list".

import { documentOf } from "./document.js";
import { transcribe } from "./server.js";

const AT_ONCE = 2;
const WAITING_FOR_OTHERS = "waiting";

export class Jobs extends EventTarget {
  constructor(model) {
    super();
    this.model = model; // () => the name of the model that is chosen
    this.all = [];
    this.limits = {};
  }

  /** @returns {object} the job: { file, name, state, document, ... }; state: waiting, uploading, listening, done, failed, cancelled */
  add(file, name = file.name) {
    const job = { file, name, state: WAITING_FOR_OTHERS, text: "", history: [], undone: [] };
    this.all.push(job);
    this.dispatchEvent(new Event("list"));
    const most = this.limits.bytes;
    if (most && file.size > most)
      this.fail(job, `${name} has ${megabytes(file.size)}; this server takes ${megabytes(most)} at most.`, 413);
    else this.next();
    return job;
  }

  next() {
    const busy = this.all.filter((job) => job.state === "uploading" || job.state === "listening").length;
    for (const job of this.all.filter((one) => one.state === WAITING_FOR_OTHERS).slice(0, Math.max(0, AT_ONCE - busy)))
      this.run(job);
  }

  async run(job) {
    job.abort = new AbortController();
    Object.assign(job, { uploaded: 0, heard: 0, length: null, text: "", error: null, model: this.model(), began: performance.now() });
    this.to(job, "uploading");
    try {
      const answer = await transcribe(job.file, {
        name: job.name,
        model: job.model,
        signal: job.abort.signal,
        uploaded: (fraction) => {
          job.uploaded = fraction;
          this.to(job, fraction === 1 ? "listening" : "uploading");
        },
        heard: (seconds, duration) => {
          Object.assign(job, { heard: seconds, length: duration ?? null });
          this.to(job, "listening");
        },
        said: (text) => {
          job.text += text;
          this.to(job, "listening");
        },
      });
      job.took = (performance.now() - job.began) / 1000;
      job.duration = answer.duration ?? 0;
      job.document = job.saved = documentOf(answer);
      job.language = answer.language ?? "und";
      this.to(job, "done");
    } catch (error) {
      if (error.name === "AbortError") this.to(job, "cancelled");
      else this.fail(job, error.message, error.status ?? 500, error.advice ?? "");
    }
    this.next();
  }

  fail(job, message, status, advice = "Cut the recording into shorter ones.") {
    job.error = { message, status, advice };
    this.to(job, "failed");
  }

  to(job, state) {
    job.state = state;
    this.dispatchEvent(new CustomEvent("change", { detail: job }));
  }

  cancel(job) {
    if (job.state === WAITING_FOR_OTHERS) this.to(job, "cancelled");
    else job.abort?.abort();
  }

  retry(job) {
    this.to(job, WAITING_FOR_OTHERS);
    this.next();
  }

  remove(job) {
    this.cancel(job);
    this.all = this.all.filter((one) => one !== job);
    job.opening?.then((sound) => sound.close());
    this.dispatchEvent(new Event("list"));
    this.next();
  }

  /** The document after an edit; what was before can be had again. */
  edit(job, document) {
    if (document === job.document) return;
    job.history.push(job.document);
    job.undone = [];
    job.document = document;
    this.edited(job);
  }

  undo(job) {
    this.exchange(job, job.history, job.undone);
  }

  redo(job) {
    this.exchange(job, job.undone, job.history);
  }

  exchange(job, from, to) {
    if (!from.length) return;
    to.push(job.document);
    job.document = from.pop();
    this.edited(job);
  }

  /** The document, or what of it was downloaded, is another one. */
  edited(job) {
    job.unsaved = job.document !== job.saved;
    this.dispatchEvent(new CustomEvent("edit", { detail: job }));
  }
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
