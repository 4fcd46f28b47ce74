// Settles the colours before the first paint, and tells the style sheet that scripts run.
"use strict";
document.documentElement.dataset.scripts = "on";
try {
  const theme = localStorage.getItem("gpai.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // No storage is allowed here: the system's colours hold.
}
