// Paper is white: what is printed has the light colours, whatever the screen has.
let themeOnScreen;
addEventListener("beforeprint", () => {
  themeOnScreen ??= document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = themeOnScreen ?? document.documentElement.dataset.theme;
  themeOnScreen = undefined;
});

// The way back to the top, shown to whoever scrolls up.
const toTop = document.getElementById("pst-back-to-top");
if (toTop) {
  let before = scrollY;
  addEventListener(
    "scroll",
    () => {
      toTop.style.display = scrollY < before && scrollY > 0 ? "block" : "none";
      before = scrollY;
    },
    { passive: true },
  );
  toTop.addEventListener("click", () => scrollTo(0, 0));
}
