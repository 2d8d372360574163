// Hears, off the page's thread: loads the model once, and turns sound into words.
//
// Messages: { id, ask: "load" } and { id, ask: "hear", samples, rate }; { drop: id } where nobody waits any more. Each is
// answered by { id, done } or { id, error }, and before that, as often as something is new, by { id, loaded } (of the model and
// what runs it, 0 to 1) or { id, seconds, duration, text } (heard so far, of so many, and words that were not known before).

import { linesOf } from "./lines.js";
import { Recording } from "./recording.js";
import { resample } from "./resample.js";
import { windowsOf } from "./windows.js";
import * as ort from "./runtime/ort.wasm.min.js";

const at = (name) => new URL(name, import.meta.url).href;
const RUNTIME = "runtime/ort-wasm-simd-threaded.wasm";
let loading = null;

/** What reading.json says, and a session of the model. */
async function load(tell) {
  const about = await (await found("model/reading.json")).json();
  const sizes = { "model/model.onnx": about.bytes, [RUNTIME]: about.runtime.bytes };
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  let here = 0; // bytes of both
  const arrived = (count) => tell({ loaded: (here += count) / total });
  const [model, wasm] = await Promise.all(Object.entries(sizes).map(([name, size]) => fetched(name, size, arrived)));
  ort.env.wasm.numThreads = 1; // several need headers that few static servers send
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.wasm.wasmPaths = { mjs: at("runtime/ort-wasm-simd-threaded.js") };
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], enableMemPattern: false });
  return { about, session };
}

async function found(name) {
  const response = await fetch(at(name));
  if (!response.ok) throw new Error(`${name}: the server answered ${response.status}`);
  return response;
}

/** The bytes of a file, read as they come: `arrived` is told how many more there are. */
async function fetched(name, size, arrived) {
  const bytes = new Uint8Array(size);
  const reader = (await found(name)).body.getReader();
  let count = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (count + part.value.length > size) throw new Error(`${name} is longer than it should be; was it exchanged?`);
    bytes.set(part.value, count);
    count += part.value.length;
    arrived(part.value.length);
  }
  if (count < size) throw new Error(`${name} ended after ${count} of ${size} bytes`);
  return bytes;
}

/** Once, and again only after it failed. */
function loaded(tell) {
  loading ??= load(tell).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function logProbs(session, samples) {
  const inputs = {
    waveforms: new ort.Tensor("float32", samples, [1, samples.length]),
    lengths: new ort.Tensor("int64", BigInt64Array.of(BigInt(samples.length)), [1]),
  };
  const { log_probs } = await session.run(inputs, ["log_probs"]);
  return log_probs.data;
}

async function hear({ id, samples: given, rate }, tell) {
  const { about, session } = await loaded(tell);
  const samples = resample(given, rate, about.sample_rate);
  const duration = samples.length / about.sample_rate;
  const recording = new Recording(about);
  const words = [];
  for (const { begin, end, last } of windowsOf(samples.length, about.windows)) {
    const window = samples.slice(begin, end);
    const until = (last ? end : begin + about.windows.step) / about.sample_rate;
    const known = recording.add(window, await logProbs(session, window), last, until);
    words.push(...known);
    tell({ seconds: until, duration, text: known.map(({ word }) => word) });
    await new Promise((resolve) => setTimeout(resolve)); // messages come in
    if (dropped.delete(id)) throw new Error("cancelled");
  }
  return { duration, text: words.map(({ word }) => word).join(" "), words, segments: linesOf(words) };
}

const asks = { load: async (_, tell) => (await loaded(tell)).about, hear };
const dropped = new Set();
let queue = Promise.resolve(); // one after the other, as they came

self.onmessage = ({ data }) => {
  const { id, drop } = data;
  if (drop) {
    dropped.add(drop);
    return;
  }
  const tell = (what) => self.postMessage({ id, ...what });
  queue = queue.then(async () => {
    try {
      if (dropped.delete(id)) return;
      tell({ done: await asks[data.ask](data, tell) });
    } catch (error) {
      tell({ error: String(error.message ?? error) });
    }
  });
};
