// What one sees, as the part of the address after "#": so a link shows the same, and so do Back and a
// bookmark. Pads are separated by ";", the item of a pad and its options by ",": neither is in an item,
// where they are escaped.
//
//     #hits/run1/hpx,logy,x=-1.5..2;hits/run1/hpxpy,logz

const flags = ['logx', 'logy', 'logz', 'errors'];

/** maxPads is how many pads there may be; the server gives no more items to one page. */
export const maxPads = 64;
let ids = 0;

/** newPad is a pad as the address has it: an item and how it is drawn. */
export function newPad(item) {
  return { id: ++ids, item, options: { logx: false, logy: false, logz: false, errors: false, stats: true, x: null, y: null } };
}

// readItem is an item with its segments escaped as the server does it; null if that is none.
function readItem(text) {
  let segments;
  try {
    segments = text.split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
  const names = segments.slice(1).join('/').split('/');
  if (segments.length < 2 || names.some(name => name === '' || name === '.' || name === '..')) return null;
  return segments.map(segment => encodeURIComponent(segment)
    .replace(/[!'()*]/g, c => '%' + c.charCodeAt(0).toString(16).toUpperCase())
    .replace(/%(24|26|2B|3A|3D|40)/g, decodeURIComponent)).join('/');
}

/** readPads reads pads from an address. What it does not know it leaves out. */
export function readPads(hash) {
  const pads = [];
  for (const part of hash.replace(/^#/, '').split(';')) {
    const [text, ...options] = part.split(',');
    const item = readItem(text);
    if (!item || pads.length === maxPads) continue;
    const pad = newPad(item);
    for (const option of options) {
      const range = /^([xy])=(.+)\.\.(.+)$/.exec(option);
      if (flags.includes(option)) pad.options[option] = true;
      else if (option === 'nostats') pad.options.stats = false;
      else if (range && Number(range[2]) < Number(range[3])) pad.options[range[1]] = [Number(range[2]), Number(range[3])];
    }
    pads.push(pad);
  }
  return pads;
}

/** writePads is the inverse. */
function writePads(pads) {
  return pads.map(({ item, options }) => [
    item,
    ...flags.filter(flag => options[flag]),
    ...(options.stats ? [] : ['nostats']),
    ...['x', 'y'].filter(axis => options[axis]).map(axis => `${axis}=${options[axis][0]}..${options[axis][1]}`),
  ].join(',')).join(';');
}

/** remember puts pads into the address; a step that Back undoes, or not. */
export function remember(pads, step) {
  const hash = writePads(pads);
  if (hash === location.hash.replace(/^#/, '')) return;
  history[step ? 'pushState' : 'replaceState'](null, '', hash ? '#' + hash : location.pathname + location.search);
}

/** nextTheme goes on from the system's theme to the other one, and back. */
export function nextTheme() {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const next = (root.dataset.theme ?? system) === 'dark' ? 'light' : 'dark';
  if (next === system) delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (next === system) localStorage.removeItem('mapfile.theme');
    else localStorage.setItem('mapfile.theme', next);
  } catch { /* not remembered */ }
  return next;
}
