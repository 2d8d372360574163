// The page: files come in, are shown one at a time, and everything else is told about it.

import { Jobs } from "./jobs.js";
import { ListView, stateOf } from "./list-view.js";
import { RecordView } from "./record-view.js";
import { ResultView } from "./result-view.js";
import { SAID, models, setToken } from "./server.js";

const element = (id) => document.getElementById(id);

const page = {
  jobs: new Jobs(() => element("model").value),
  model: () => element("model").value,
  say(text) {
    element("status").textContent = text;
  },
  taken: (file, name) => add([file], name),
};
const { jobs } = page;
const list = new ListView(element("list"), { chosen: (job) => choose(job), removed: (job) => remove(job) });
const result = new ResultView(page);
new RecordView(page);

// Recordings

function add(files, name) {
  const added = [...files].map((file) => jobs.add(file, name));
  if (!added.length) return;
  choose(added[0]);
  element("title").focus();
}

function choose(job) {
  result.show(job);
  showList();
}

function remove(job) {
  if (job.unsaved && !confirm(`Your corrections of ${job.name} are not downloaded. Remove it all the same?`)) return;
  jobs.remove(job);
}

function showList() {
  const any = jobs.all.length > 0;
  document.body.classList.toggle("busy", any);
  element("workspace").hidden = !any;
  element("workspace").classList.toggle("several", jobs.all.length > 1);
  const place = any ? element("bar-actions") : element("start");
  if (!place.contains(element("actions"))) place.insertBefore(element("actions"), place.querySelector(".start-note"));
  list.show(jobs.all, result.job);
}

jobs.addEventListener("list", () => {
  if (!jobs.all.includes(result.job)) result.show(jobs.all.at(-1) ?? null);
  showList();
  if (!jobs.all.length) element("choose").focus();
});

const spoken = new WeakMap(); // what was last said of a recording: not every percent is worth a word
jobs.addEventListener("change", ({ detail: job }) => {
  list.update(job, result.job);
  result.update(job);
  const said = { uploading: SAID.uploading, listening: "Listening", done: "Done", failed: `Failed: ${job.error?.message}` }[job.state] ?? stateOf(job);
  if (spoken.get(job) === said) return;
  spoken.set(job, said);
  page.say(`${job.name}: ${said}`);
  if (job.error?.status === 401 && job.state === "failed") askToken();
});

jobs.addEventListener("edit", ({ detail: job }) => {
  result.update(job);
  list.update(job, result.job);
});

window.addEventListener("beforeunload", (event) => {
  if (jobs.all.some((job) => job.unsaved)) event.preventDefault();
});

element("choose").addEventListener("click", () => element("files").click());
element("files").addEventListener("change", ({ target }) => {
  add(target.files);
  target.value = "";
});

// Dropping, anywhere on the page

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  element("drop").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) element("drop").hidden = true;
});
document.addEventListener("drop", (event) => {
  element("drop").hidden = true;
  if (!hasFiles(event)) return;
  event.preventDefault();
  add(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => event.clipboardData.files.length && add(event.clipboardData.files));

// Keys for the whole page

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  if (typing || event.altKey) return;
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const pressable = event.target.closest("button, [role=button]:not(.word), input");
  if (key === " " && !control && !pressable && result.job) result.toggle();
  else if (control && result.job && (key === "y" || (key === "z" && event.shiftKey))) jobs.redo(result.job);
  else if (control && result.job && key === "z") jobs.undo(result.job);
  else if (key === "?" && !control) element("keys").showModal();
  else return;
  event.preventDefault();
});
element("keys-open").addEventListener("click", () => element("keys").showModal());

// Colours

function showTheme() {
  const dark = document.documentElement.dataset.theme === "dark";
  element("theme").setAttribute("aria-pressed", String(dark));
  element("theme").querySelector("use").setAttribute("href", dark ? "#i-sun" : "#i-moon");
  result.timeline.refresh();
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  showTheme();
}

element("theme").addEventListener("click", () => {
  const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme(name);
  try {
    localStorage.setItem("theme", name);
  } catch {
    // Storage is forbidden: it holds until the page is closed.
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // Likewise: the system's choice, then.
  }
  if (!chosen) setTheme(matches ? "dark" : "light");
});
showTheme();

// The server: its models, and its token where it wants one

function askToken(wrong = false) {
  if (element("token").open) return;
  element("token-note").textContent = wrong
    ? "The server does not know that token. Try again."
    : "It is what the server was started with. It is kept until this tab is closed.";
  element("token-value").value = "";
  element("token").showModal();
}

element("fault-token").addEventListener("click", () => askToken());
element("token").addEventListener("close", async () => {
  if (element("token").returnValue !== "ok") return;
  setToken(element("token-value").value.trim());
  if (!(await greet(true))) return;
  for (const job of jobs.all.filter((one) => one.error?.status === 401 && one.state === "failed")) jobs.retry(job);
});

/** Asks what models there are; false where the token is missing or wrong. */
async function greet(again = false) {
  try {
    const { names, limits } = await models();
    jobs.limits = limits;
    const chosen = element("model").value;
    element("model").replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
    element("model-field").hidden = names.length < 2;
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) return true; // what it is will be said when a file is sent
    askToken(again);
    return false;
  }
  return true;
}

greet();
