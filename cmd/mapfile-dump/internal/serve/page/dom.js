// Elements, made one by one. Texts become text nodes and attributes go through setAttribute, so nothing
// that a producer wrote is ever read as markup.

const SVG = 'http://www.w3.org/2000/svg';

/** el makes an HTML element: attributes by name, functions as listeners, `text` as its text. */
export function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** svg makes an SVG element in the same way. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (name === 'text') element.textContent = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children) if (child !== undefined && child !== null) element.append(child);
  return element;
}

/** setText touches the page only if the text is another one. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** setAttribute touches the page only if the value is another one; null removes the attribute. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// One shape a state, so that no one needs to tell colours apart.
const shapes = {
  LIVE: 'M6 2.2a3.8 3.8 0 1 0 .01 0z',
  STALLED: 'M3.2 2.2h2v7.6h-2zM6.8 2.2h2v7.6h-2z',
  DEAD: 'M2.6 3.7 3.7 2.6 6 4.9 8.3 2.6 9.4 3.7 7.1 6 9.4 8.3 8.3 9.4 6 7.1 3.7 9.4 2.6 8.3 4.9 6z',
  CLOSED: 'M2.6 2.6h6.8v6.8h-6.8z',
  SUPERSEDED: 'M6 1.8 10.2 9.6H1.8z',
  UNKNOWN: 'M6 2.2a3.8 3.8 0 1 0 .01 0zm0 1.4a2.4 2.4 0 1 1-.01 0z',
};

/** stateIcon makes a small sign for the state of a producer; setState changes it. */
export function stateIcon(state) {
  const icon = svg('svg', { class: 'state', viewBox: '0 0 12 12', 'aria-hidden': 'true' }, svg('path', { 'fill-rule': 'evenodd' }));
  setState(icon, state);
  return icon;
}

export function setState(icon, state) {
  if (!Object.hasOwn(shapes, state)) state = 'UNKNOWN';
  if (icon.dataset.state === state) return;
  icon.dataset.state = state;
  icon.firstChild.setAttribute('d', shapes[state]);
}
