// All files and slots as the server told last: a tree of files, folders and slots.

const order = new Intl.Collator('en', { numeric: true });
const byName = (a, b) => (a.row ? 1 : 0) - (b.row ? 1 : 0) || order.compare(a.name, b.name) || (a.name < b.name ? -1 : 1);

/** Catalog holds nodes {key, name, level, parent, children, slots} with `file` or `row`, if it is one. */
export class Catalog {
  files = new Map(); // by label
  rows = new Map(); // by item
  roots = [];
  faults = [];
  known = false; // a list has come

  /** list replaces everything. */
  list({ files, slots, faults }) {
    this.files = new Map(files.map(file => [file.label, heard(file)]));
    this.rows = new Map(slots.map(row => [row.item, heard(row)]));
    this.faults = faults ?? [];
    this.known = true;
    this.#build();
  }

  /** change takes over what has changed; true if there are nodes more or less. */
  change({ files, slots, gone, faults }) {
    let structural = false;
    this.faults = faults ?? [];
    for (const file of files ?? []) {
      structural ||= !this.files.has(file.label);
      this.files.set(file.label, heard(file));
    }
    for (const row of slots ?? []) {
      const old = this.rows.get(row.item);
      if (old) Object.assign(old, heard(row));
      else structural = this.rows.set(row.item, heard(row)) && true;
    }
    for (const item of gone ?? []) structural = this.rows.delete(item) || structural;
    if (structural) this.#build();
    else for (const root of this.roots) root.file = this.files.get(root.name) ?? root.file;
    return structural;
  }

  #build() {
    const roots = new Map();
    const file = label => {
      if (!roots.has(label)) {
        roots.set(label, { key: 'file ' + label, name: label, level: 1, parent: null, folders: new Map(), children: [], slots: 0, file: this.files.get(label) });
      }
      return roots.get(label);
    };
    for (const label of this.files.keys()) file(label);
    for (const row of this.rows.values()) {
      let node = file(row.label);
      node.slots++;
      const segments = row.name.split('/');
      for (const segment of segments.slice(0, -1)) {
        let folder = node.folders.get(segment);
        if (!folder) {
          folder = { key: node.key + '/' + segment, name: segment, level: node.level + 1, parent: node, folders: new Map(), children: [], slots: 0 };
          node.folders.set(segment, folder);
          node.children.push(folder);
        }
        folder.slots++;
        node = folder;
      }
      row.search ??= [row.label + '/' + row.name, row.title, row.type].join('\n').toLowerCase();
      node.children.push({ key: 'slot ' + row.item, name: segments.at(-1), level: node.level + 1, parent: node, children: null, slots: 1, row });
    }
    const sort = node => {
      node.children.sort(byName);
      for (const child of node.children) if (child.children) sort(child);
    };
    this.roots = [...roots.values()].sort(byName);
    this.roots.forEach(sort);
  }

  /** matches says for each slot whether it has all the words, of itself or of its state. */
  matcher(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return row => words.every(word => row.search.includes(word) || row.state.toLowerCase() === word);
  }
}

// heard notes when it was told, since ages go on.
function heard(record) {
  record.heard = performance.now();
  return record;
}

/** ageOf is the age of a record's value now, in seconds; null without a value. */
export function ageOf(record) {
  const age = record?.age_seconds;
  return age === null || age === undefined ? null : Number(age) + (performance.now() - record.heard) / 1000;
}
