// The recordings at the side: each with where it is, the one that is shown, and away with it.

import { clock } from "./formats.js";
import { SAID } from "./server.js";

export function stateOf(job) {
  const known = job.length ?? job.sound?.duration;
  const heard = job.heard && known && known !== Infinity ? ` ${Math.min(99, Math.floor((100 * job.heard) / known))} %` : "";
  return {
    waiting: "Waiting for its turn",
    uploading: `${SAID.uploading} ${Math.floor(100 * (job.uploaded ?? 0))} %`,
    listening: `Listening${heard}`,
    done: job.duration === undefined ? "" : `${clock(job.duration)}${job.unsaved ? " · edited" : ""}`,
    failed: "Not transcribed",
    cancelled: "Cancelled",
  }[job.state];
}

export class ListView {
  /** @param {object} page chosen(job), removed(job) */
  constructor(list, page) {
    this.list = list;
    this.page = page;
    this.items = new Map();
  }

  show(jobs, shown) {
    for (const [job, item] of this.items)
      if (!jobs.includes(job)) {
        item.remove();
        this.items.delete(job);
      }
    for (const job of jobs) {
      if (!this.items.has(job)) {
        this.items.set(job, this.make(job));
        this.list.append(this.items.get(job));
      }
      this.update(job, shown);
    }
  }

  make(job) {
    const item = document.createElement("li");
    item.innerHTML =
      '<button type="button" class="job"><span class="sign"></span><span class="name"></span><span class="state"></span></button>' +
      '<button type="button" class="plain icon away"><svg aria-hidden="true"><use href="#i-close"/></svg></button>';
    item.querySelector(".name").textContent = job.name;
    item.querySelector(".job").title = job.name;
    item.querySelector(".job").addEventListener("click", () => this.page.chosen(job));
    item.querySelector(".away").addEventListener("click", () => this.page.removed(job));
    item.querySelector(".away").setAttribute("aria-label", `Remove ${job.name}`);
    return item;
  }

  update(job, shown) {
    const item = this.items.get(job);
    if (!item) return;
    if (item.dataset.state !== job.state) {
      item.dataset.state = job.state;
      const icon = { done: "i-done", failed: "i-failed", cancelled: "i-close" }[job.state];
      const still = job.state === "waiting" ? " still" : "";
      item.querySelector(".sign").innerHTML = icon
        ? `<svg aria-hidden="true"><use href="#${icon}"/></svg>`
        : `<span class="spinner${still}"></span>`;
      item.className = job.state;
    }
    item.querySelector(".state").textContent = stateOf(job);
    item.querySelector(".job").setAttribute("aria-current", String(job === shown));
  }
}
