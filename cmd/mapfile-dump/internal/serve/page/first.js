// What cannot wait for the modules, and so is the only script that is none: the theme that was chosen
// before, set before anything is shown; and the drawings of the address, asked for while the rest is still
// on its way.
try {
  const chosen = localStorage.getItem('mapfile.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch { /* no storage: the theme of the system */ }

/** firstDrawings are Drawings to come, by item; undefined where there is none. */
globalThis.firstDrawings = new Map();
for (const part of location.hash.slice(1).split(';').slice(0, 6)) {
  const item = part.split(',', 1)[0];
  if (!/^[^/]+(\/(?!\.{0,2}(\/|$))[^/]+)+$/.test(item) || firstDrawings.has(item)) continue;
  firstDrawings.set(item, fetch('api/draw/' + item).then(answer => answer.ok ? answer.json() : undefined).catch(() => undefined));
}
