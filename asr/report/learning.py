"""Section of a report: how the training went."""

from collections.abc import Callable, Sequence

from asr.report.markup import Html, element, figure, folded, join, note, table
from asr.report.material import Run
from asr.report.plot import Axis, Line, line_plot
from asr.runs.record import Epoch

_CURVES: tuple[tuple[str, str, Callable[[Epoch], float], Axis], ...] = (
    ("Training loss", "nats a token, logarithmic", lambda epoch: epoch.train_loss, Axis("nats a token", log=True)),
    (
        "Development error rate",
        "of the averaged weights; the dot is the epoch that was kept",
        lambda epoch: epoch.dev.wer,
        Axis("WER", log=True, percent=True),
    ),
    ("Learning rate", "at the end of the epoch", lambda epoch: epoch.learning_rate, Axis("", zero=True)),
    (
        "Clipped steps",
        "share of the steps whose gradient was shortened",
        lambda epoch: epoch.clipped,
        Axis("steps", percent=True, zero=True),
    ),
)  # fmt: skip
_EXPECTED = (
    "Errors expected in training",
    "for each unit of the references, over the hypotheses that were learned from",
    lambda epoch: epoch.expected_errors or 0.0,
    Axis("errors", percent=True, zero=True),
)


def learning(runs: Sequence[Run]) -> Html:
    """Curves by epoch, gradients by layer, and warnings."""
    learned = [run for run in runs if run.record.epochs]
    if not learned:
        return note("No epoch is over yet.")
    plots = [_curve(learned, *curve) for curve in _CURVES]
    if of_errors := [run for run in learned if run.record.epochs[0].expected_errors is not None]:
        plots.insert(1, _curve(of_errors, *_EXPECTED))
    gradients = [_gradients(run) for run in learned]
    return join(
        [
            element("div", *plots, class_="grid"),
            element("h3", "Gradients"),
            note(
                "Root mean square over the steps of an epoch of each layer's gradient norm, before clipping. "
                "Layers near the sound are dark, those near the output bright; a layer that falls away from the "
                "others by orders of magnitude learns nothing."
            ),
            element("div", *gradients, class_="grid"),
            _warnings(learned),
            *(_numbers(run) for run in learned),
        ]
    )


def _curve(runs: Sequence[Run], title: str, about: str, value: Callable[[Epoch], float], y: Axis) -> Html:
    lines = [
        Line(
            run.label,
            [(epoch.epoch, value(epoch)) for epoch in run.record.epochs],
            run.tone,
            run.record.model.best_epoch if run.record.model and "kept" in about else None,
        )
        for run in runs
    ]
    said = "; ".join(
        f"{line.name}: from {line.points[0][1]:.3g} to {line.points[-1][1]:.3g}" for line in lines
    )
    plot = line_plot(f"{title} by epoch. {said}", lines, Axis("epoch", zero=True), y)
    return figure(join([element("b", title), f", {about}"]), plot)


def _gradients(run: Run) -> Html:
    layers = list(dict.fromkeys(name for epoch in run.record.epochs for name in epoch.gradient_norms))
    lines = [
        Line(
            name.replace(".layers.", " ").replace(".", " "),
            [
                (epoch.epoch, epoch.gradient_norms[name])
                for epoch in run.record.epochs
                if epoch.gradient_norms.get(name, 0.0) > 0
            ],
            f"l{round(11 * place / max(1, len(layers) - 1))}",
        )
        for place, name in enumerate(layers)
    ]
    title = f"Gradient norms of {len(layers)} layers by epoch, {run.label}; the numbers are in the table of epochs"
    axis = Axis("gradient norm", log=True)
    return figure(
        run.label, line_plot(title, lines, Axis("epoch", zero=True), axis, labelled=True), class_="tall"
    )


def _warnings(runs: Sequence[Run]) -> Html:
    found = [
        element("li", f"{run.label}, epoch {epoch.epoch}: {'; '.join(epoch.warnings)}")
        for run in runs
        for epoch in run.record.epochs
        if epoch.warnings
    ]
    if not found:
        return note("No epoch had a warning of vanishing or exploding gradients.")
    return join([element("p", f"{len(found)} epochs with warnings:"), element("ul", *found[:20])])


def _numbers(run: Run) -> Html:
    layers = list(dict.fromkeys(name for epoch in run.record.epochs for name in epoch.gradient_norms))
    headings = [
        "epoch",
        "steps",
        "learning rate",
        "loss",
        "dev WER",
        "dev CER",
        "clipped",
        "seconds",
        *layers,
    ]
    rows = [
        [
            f"{epoch.epoch}{' *' * epoch.best}",
            f"{epoch.steps:,}",
            f"{epoch.learning_rate:.2e}",
            f"{epoch.train_loss:.4f}",
            f"{epoch.dev.wer:.2%}",
            f"{epoch.dev.cer:.2%}",
            f"{epoch.clipped:.0%}",
            f"{epoch.seconds:.1f}",
            *(f"{epoch.gradient_norms[name]:.3g}" if name in epoch.gradient_norms else "" for name in layers),
        ]
        for epoch in run.record.epochs
    ]
    return folded(
        f"Numbers of every epoch: {run.label}",
        table(f"Epochs of {run.label} (* best so far)", headings, rows),
    )
