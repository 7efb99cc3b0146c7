"""The class as JUnit XML, for continuous integration: a suite a student, a case a test."""

from xml.etree import ElementTree

from ..policy import decimal
from ..records import Outcome
from ..sanitise import MAX_EVIDENCE, one_line, plain
from .results import ClassResult, Row

FAILURES = {"wrong", "missing"}
"""What JUnit calls a failure; any other test that does not pass is an error."""


def junit_xml(result: ClassResult) -> str:
    """The document."""
    suites = [_suite(row, result) for row in result.rows]
    root = ElementTree.Element("testsuites", name="grokcourse", time=f"{max(result.info.seconds, 0):.3f}")
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in suites)))
    root.extend(suites)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(row: Row, result: ClassResult) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=row.name, time=f"{max(row.grade.seconds, 0):.3f}")
    properties = ElementTree.SubElement(suite, "properties")
    known = {"seed": one_line(result.info.seed), "version": one_line(result.info.version), "status": row.grade.status}
    if row.points is not None:
        known |= {"points": decimal(row.points), "maximum": decimal(row.most)}
    if row.final is not None:
        known["final"] = decimal(row.final)
    for name, value in known.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
    cases = []
    if row.grade.status != "graded":
        reason = "; ".join(row.notes)
        case = ElementTree.SubElement(suite, "testcase", classname="submission", name="can be graded", time="0")
        ElementTree.SubElement(case, "error", type=row.grade.status, message=one_line(reason)).text = plain(reason)
        cases.append(case)
    for mark in row.marks.values() if row.grade.status == "graded" else ():
        classname = f"{mark.exercise.chapter}.{mark.exercise.name}"
        for outcome in mark.outcomes:
            title = one_line(outcome.title)
            case = ElementTree.SubElement(suite, "testcase", classname=classname, name=title, time="0")
            _say(case, outcome)
            cases.append(case)
        if not mark.outcomes:
            case = ElementTree.SubElement(suite, "testcase", classname=classname, name="handed in", time="0")
            ElementTree.SubElement(case, "failure", type="missing", message="not handed in")
            cases.append(case)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    suite.set("skipped", "0")
    return suite


def _say(case: ElementTree.Element, outcome: Outcome) -> None:
    if outcome.passed:
        return
    kind = "failure" if outcome.status in FAILURES else "error"
    message, evidence = plain(outcome.message), plain(outcome.evidence, MAX_EVIDENCE)
    element = ElementTree.SubElement(case, kind, type=outcome.status, message=one_line(message))
    element.text = "\n".join(filter(None, [message, evidence, outcome.hint and f"Hint: {one_line(outcome.hint)}"]))
