// Pointer, wheel and keys on a timeline.

export function listen(timeline) {
  let down = null;
  const inside = (event) => event.clientX - timeline.stage.getBoundingClientRect().left;
  timeline.stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    down = { x: inside(event), from: timeline.from, to: timeline.to, moved: false };
    timeline.stage.setPointerCapture(event.pointerId);
  });
  timeline.stage.addEventListener("pointermove", (event) => {
    const x = inside(event);
    if (down && Math.abs(x - down.x) > 4) down.moved = true;
    if (down?.moved && timeline.zoomed) {
      const seconds = ((down.x - x) / timeline.width) * (down.to - down.from);
      timeline.look(down.from + seconds, down.to + seconds);
    }
    timeline.pointer = event.pointerType === "mouse" ? x : null;
    const place = timeline.wordAt(timeline.at(x));
    timeline.stage.classList.toggle("over-word", place >= 0 && inLane(timeline, event));
    timeline.hover(place);
    timeline.tell("hover", place);
    timeline.drawTop();
  });
  timeline.stage.addEventListener("pointerup", (event) => {
    if (!down || down.moved) {
      down = null;
      return;
    }
    down = null;
    const seconds = timeline.at(inside(event));
    const place = timeline.wordAt(seconds);
    if (place >= 0 && inLane(timeline, event)) timeline.tell("word", place);
    else timeline.tell("seek", seconds);
  });
  timeline.stage.addEventListener("pointercancel", () => (down = null));
  timeline.stage.addEventListener("pointerleave", () => {
    timeline.pointer = null;
    timeline.hover(-1);
    timeline.tell("hover", -1);
    timeline.drawTop();
  });
  timeline.stage.addEventListener("wheel", (event) => turn(timeline, event, inside(event)), { passive: false });
  timeline.stage.addEventListener("keydown", (event) => press(timeline, event));
  const slide = (event) => {
    if (event.buttons !== 1) return;
    const part = event.offsetX / timeline.overview.clientWidth;
    const half = (timeline.to - timeline.from) / 2;
    timeline.look(part * timeline.duration - half, part * timeline.duration + half);
  };
  timeline.overview.addEventListener("pointerdown", (event) => {
    timeline.overview.setPointerCapture(event.pointerId);
    slide(event);
  });
  timeline.overview.addEventListener("pointermove", slide);
}

function inLane(timeline, event) {
  return event.clientY - timeline.stage.getBoundingClientRect().top > timeline.rows.wave + timeline.rows.picture + timeline.rows.axis;
}

function turn(timeline, event, x) {
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
  if (event.ctrlKey || event.metaKey) timeline.zoom(Math.exp(Math.sign(event.deltaY) * 0.25), timeline.at(x));
  else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) timeline.pan((sideways / timeline.width) * (timeline.to - timeline.from));
  else return; // up and down scrolls the page
  event.preventDefault();
}

function press(timeline, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = event.shiftKey ? 5 : 1;
  const length = timeline.to - timeline.from;
  const actions = {
    ArrowLeft: () => timeline.tell("seek", timeline.time - step),
    ArrowRight: () => timeline.tell("seek", timeline.time + step),
    Home: () => timeline.tell("seek", 0),
    End: () => timeline.tell("seek", timeline.duration),
    PageUp: () => timeline.pan(-length * 0.8),
    PageDown: () => timeline.pan(length * 0.8),
    "+": () => timeline.zoom(0.5),
    "=": () => timeline.zoom(0.5),
    "-": () => timeline.zoom(2),
    0: () => timeline.look(0, timeline.duration),
    Enter: () => timeline.wordAt(timeline.time) >= 0 && timeline.tell("word", timeline.wordAt(timeline.time)),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}
