// What is said of the model and of how it reads, once its description is here.

import { loaded } from "./server.js";

const element = document.getElementById("about");
const note = document.getElementById("as-file");
note.remove(); // modules are not loaded from files: this page came from a server

const PRECISION = { float32: "weights of 32 bits", int8: "weights of 8 bits" };

try {
  const about = await loaded();
  const words = about.tokens.kind === "phones" ? " Words are the training texts' words that are nearest to the phones heard." : "";
  element.textContent =
    `Model ${about.name} (${about.digest.slice(0, 12)}, ${PRECISION[about.precision]}), run by onnxruntime-web ${about.runtime.version}. ` +
    `It is read greedily: the likeliest token of each frame, no language model, no search.${words}`;
} catch (error) {
  element.textContent = `The model could not be loaded: ${error.message}`;
}
