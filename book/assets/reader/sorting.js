// A table whose head has words with the class gc-by is sorted by these columns: the words become buttons, which say by
// aria-sort what they have done. "2 of 3 seeds" counts as two thirds, "N9" comes before "N10".
{
  const { compare } = new Intl.Collator("en", { numeric: true });
  const share = (text) => {
    const found = /^(\d+) of (\d+)/.exec(text);
    return found ? found[1] / found[2] : NaN;
  };
  const inOrder = (one, other) => {
    const shares = [share(one), share(other)];
    return shares.some(Number.isNaN) || shares[0] === shares[1] ? compare(one, other) : shares[0] - shares[1];
  };
  const ROLES = { table: "table", "thead, tbody": "rowgroup", tr: "row", th: "columnheader", td: "cell" };

  for (const table of document.querySelectorAll("article table:has(th .gc-by)")) {
    // On a phone the style sheet makes a list of it, and browsers then forget that it is a table.
    for (const [selector, role] of Object.entries(ROLES)) {
      for (const element of [table, ...table.querySelectorAll("*")]) {
        if (element.matches(selector)) element.setAttribute("role", role);
      }
    }
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    for (const [column, head] of heads.entries()) {
      const words = head.querySelector(".gc-by");
      if (!words) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "gc-sort";
      button.append(...words.childNodes);
      words.replaceWith(button);
      head.ariaSort = column ? "none" : "ascending";
      button.addEventListener("click", () => {
        const rises = head.ariaSort !== "ascending";
        for (const other of heads) if (other.ariaSort) other.ariaSort = "none";
        head.ariaSort = rises ? "ascending" : "descending";
        const text = (row) => row.cells[column].textContent.trim();
        body.append(...[...body.rows].sort((a, b) => (rises ? 1 : -1) * inOrder(text(a), text(b))));
      });
    }
  }
}
