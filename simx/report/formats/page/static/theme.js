// Light, dark, or as the system has it; remembered where the browser lets a page remember.
const THEME = "simx-theme";

function startTheme(redraw) {
  const select = document.getElementById("theme");
  const apply = () => {
    document.documentElement.dataset.theme = select.value;
  };
  select.value = recalled() ?? "auto";
  apply();
  select.addEventListener("change", () => {
    remember(select.value);
    apply();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function recalled() {
  try {
    const found = localStorage.getItem(THEME);
    return ["auto", "light", "dark"].includes(found) ? found : null;
  } catch {
    return null;
  }
}

function remember(value) {
  try {
    localStorage.setItem(THEME, value);
  } catch {
    // A page opened from a file may have no storage; the choice then lasts as long as the page.
  }
}

// A canvas knows no custom properties, so the browser has to say what a colour amounts to now.
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
