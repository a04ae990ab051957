// Runs before anything is painted: the colours that the viewer chose, else those of the system.
const chosen = localStorage.getItem("flytelike-theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen;
export {};
