/**
 * Describes a page as values and makes the document match. Text is always a text node, so what a customer is called can
 * never become markup. Nodes that stay keep their focus, their scroll and what was typed.
 *
 * @typedef {{tag: string, key: any, props: Record<string, any>, children: Array<VNode | string>, svg: boolean}} VNode
 */

const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'path', 'circle', 'rect', 'line', 'polyline', 'g']);
/** What must be set as a property: the attribute is only its first value. */
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'open', 'selected', 'data']);

/**
 * @param {string} tag
 * @param {Record<string, any> | null} [props] `on…` handlers, attributes, `data` for custom elements, `key` among siblings
 * @param {...any} children texts and nodes; `null`, `undefined` and `false` are left out
 * @returns {VNode}
 */
export function h(tag, props, ...children) {
  const { key, ...rest } = props ?? {};
  return {
    tag,
    key,
    props: rest,
    svg: SVG_TAGS.has(tag),
    children: children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
      .map((child) => (typeof child === 'object' ? child : String(child))),
  };
}

/** What stands in a parent by our hand: descriptions beside their nodes. @type {WeakMap<Node, Array<{v: VNode | string, node: Node}>>} */
const placed = new WeakMap();

/**
 * Makes the children of `parent` match the descriptions.
 * @param {Element} parent
 * @param {...any} described
 */
export function render(parent, ...described) {
  const wanted = h('', null, ...described).children;
  const focused = parent.ownerDocument.activeElement;
  const before = placed.get(parent) ?? [];
  const unused = new Set(before);
  const after = wanted.map((v) => {
    const old = find(before, unused, v);
    if (!old) return { v, node: make(v) };
    unused.delete(old);
    change(old, v);
    return { v, node: old.node };
  });
  for (const { node } of unused) parent.removeChild(node);
  let next = parent.firstChild;
  for (const { node } of after) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  placed.set(parent, after);
  // A node that was moved has lost the focus on the way.
  if (focused && focused !== parent.ownerDocument.activeElement && parent.contains(focused)) {
    /** @type {HTMLElement} */ (focused).focus({ preventScroll: true });
  }
}

function find(before, unused, v) {
  for (const old of before) {
    if (!unused.has(old)) continue;
    if (typeof v === 'string') {
      if (typeof old.v === 'string') return old;
    } else if (typeof old.v === 'object' && old.v.tag === v.tag && old.v.key === v.key) {
      return old;
    }
  }
  return null;
}

function make(v) {
  if (typeof v === 'string') return document.createTextNode(v);
  const node = v.svg ? document.createElementNS(SVG, v.tag) : document.createElement(v.tag);
  for (const [name, value] of Object.entries(v.props)) set(node, name, value, undefined);
  if (v.children.length > 0) render(/** @type {Element} */ (node), ...v.children);
  setValue(node, v.props.value, undefined);
  return node;
}

function change(old, v) {
  if (typeof v === 'string') {
    if (old.v !== v) old.node.data = v;
    return;
  }
  const { props } = old.v;
  for (const name of Object.keys(props)) if (!(name in v.props)) set(old.node, name, undefined, props[name]);
  for (const [name, value] of Object.entries(v.props)) set(old.node, name, value, props[name]);
  // An element that draws its own children has none described.
  if (v.children.length > 0 || (placed.has(old.node) && !v.tag.includes('-'))) render(old.node, ...v.children);
  setValue(old.node, v.props.value, props.value);
}

/** After the children: a choice among options must find them. What was typed since is newer than what was described. */
function setValue(node, value, previous) {
  if (value !== undefined && value !== previous && node.value !== value) node.value = value;
}

function set(node, name, value, previous) {
  if (name.startsWith('on')) {
    node[name] = value ?? null;
  } else if (PROPERTIES.has(name)) {
    if (name === 'data') node.data = value;
    else if (name !== 'value') node[name] = Boolean(value);
  } else if (value === previous) {
    return;
  } else if (value === undefined || value === null || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? '' : String(value));
  }
}
