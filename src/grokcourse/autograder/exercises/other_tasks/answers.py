"""The right answers to the chapter's "predict before you run" questions, each read off its recorded runs."""

import csv

from ....runs import RECORDED


def random_answers_unseen() -> str:
    """What was learnt by heart says nothing of the rest: the test set is answered as by a blind guess."""
    with (RECORDED / "tasks" / "runs.csv").open(encoding="utf-8", newline="") as file:
        accuracies = [float(row["test_accuracy"]) for row in csv.DictReader(file) if row["operation"] == "random"]
    return "b" if abs(accuracies[-1] - 1 / 113) < 0.01 else "d"
