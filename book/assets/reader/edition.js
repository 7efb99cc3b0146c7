// On an old copy of the published site, a line at the foot of the window says so and leads to the same page of today.
// Published pages name their edition; the course's own address has the current one, and is asked when all has loaded.
addEventListener("load", async () => {
  const told = document.querySelector(".gc-edition");
  if (!told || !location.protocol.startsWith("http")) return;
  const { page, edition, time } = told.dataset;
  if (new URL(edition).origin !== location.origin) return;
  let current;
  try {
    current = await (await fetch(edition, { cache: "no-cache", priority: "low" })).json();
  } catch {
    return; // not there, or out of reach: nothing is known of it
  }
  if (!(current.time > Number(time))) return;
  const line = document.createElement("div");
  line.className = "gc-old-edition";
  line.setAttribute("role", "status");
  const link = document.createElement("a");
  link.href = page;
  link.textContent = `The current one is of ${current.day}`;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => line.remove());
  line.append("This is an old edition. ", link, ". ", close);
  document.body.append(line);
});
