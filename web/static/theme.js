// Before the first paint, so that a chosen theme never flashes the other one. A file of its own: the policy allows no inline script.
const chosen = localStorage.getItem("runcast.theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
