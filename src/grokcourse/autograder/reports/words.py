"""How the reports say what became of a test or an exercise."""

STATUSES = {
    "passed": "passes",
    "ok": "passes",
    "wrong": "not right yet",
    "error": "stopped with an error",
    "missing": "not written yet",
    "time-out": "took too long",
    "memory": "ended or ran out of memory",
    "not handed in": "not handed in",
    "not run": "not tested",
}
"""For students."""
HEADS = {
    "ok": "all pass",
    "wrong": "wrong",
    "error": "error",
    "missing": "not written",
    "time-out": "too long",
    "memory": "lost",
    "not handed in": "not handed in",
    "not run": "not tested",
}
"""For the heads of columns."""
BROKE_OFF = (
    "Grading broke off before there was a result. That says nothing about your work, and it was not marked: "
    "please tell your instructor."
)
"""The reason itself may say things about the grader that are not for students."""
