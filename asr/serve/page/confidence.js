// How sure the model is of a word, in three steps. Each has a colour and a line of its own: not by colour alone.

export const STEPS = [
  { name: "sure", from: 0.9, label: "90 % and more" },
  { name: "fair", from: 0.7, label: "70 to 90 %" },
  { name: "unsure", from: 0, label: "under 70 %" },
];

/** "sure", "fair", "unsure", "edited", or "" where nothing is known. */
export function stepOf(word) {
  if (word.edited) return "edited";
  if (word.confidence === null) return "";
  return STEPS.find((step) => word.confidence >= step.from).name;
}

const percent = (value) => Math.min(value >= 1 ? 100 : 99, Math.round(value * 100)); // 99.7 is not certain

export function describe(word) {
  if (word.edited) return "edited";
  return word.confidence === null ? "" : `${percent(word.confidence)} %`;
}
