// Pictures to take away: the SVG as it is on the screen, and the same as PNG.

import { el, svg } from './dom.js';
import { title as drawTitle } from './frame.js';

// What style.css gives to elements of a drawing. In the file it stands on the elements themselves.
const looks = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'stroke-linejoin', 'stroke-linecap', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'opacity', 'shape-rendering', 'image-rendering', 'paint-order'];

/** standalone is a copy of a drawing that needs nothing of the page, with a title above. */
function standalone(picture, title) {
  const { width, height } = picture.getBoundingClientRect(), above = 28;
  const copy = picture.cloneNode(true);
  const from = picture.querySelectorAll('*'), to = copy.querySelectorAll('*');
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const look of looks) to[i].setAttribute(look, style.getPropertyValue(look));
  });
  copy.querySelector('.mark')?.remove();
  const style = getComputedStyle(picture), page = getComputedStyle(picture.closest('.pad'));
  const whole = svg('svg', { width, height: height + above, viewBox: `0 0 ${width} ${height + above}` },
    svg('rect', { width, height: height + above, fill: page.backgroundColor }),
    drawTitle(title, { x: 14, y: 20, fill: page.color, 'font-family': style.fontFamily, 'font-size': 14, 'font-weight': 600 }),
    svg('g', { transform: `translate(0 ${above})` }, ...copy.childNodes));
  return new XMLSerializer().serializeToString(whole);
}

/** saveSVG and savePNG hand the file to the browser. */
export function saveSVG(picture, title, name) {
  save(new Blob([standalone(picture, title)], { type: 'image/svg+xml' }), name + '.svg');
}

export async function savePNG(picture, title, name) {
  const url = URL.createObjectURL(new Blob([standalone(picture, title)], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = el('canvas', { width: image.width * 2, height: image.height * 2 });
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    save(await new Promise(done => canvas.toBlob(done, 'image/png')), name + '.png');
  } finally {
    URL.revokeObjectURL(url);
  }
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** fileName makes a name for a file of a slot's name. */
export function fileName(name) {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^[._]+/, '').slice(0, 100) || 'slot';
}
