const svgNamespace = 'http://www.w3.org/2000/svg';

/**
 * Makes an element. Children are elements or texts; a text is a text node, whatever is in it.
 *
 * @param {string} tag
 * @param {Record<string, string | number | boolean | ((event: Event) => void) | undefined>} [attributes]
 * @param {...(Node | string)} children
 */
export function make(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

/** The same for the inside of an `<svg>`. */
export function makeSvg(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(svgNamespace, tag), attributes, children);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

function setAttribute(element, name, value) {
  if (typeof value === 'function') element.addEventListener(name, value);
  else set(element, name, value);
}

/** Touches the document only where something changes. */
export function set(element, name, value) {
  if (value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value))
    element.setAttribute(name, value === true ? '' : String(value));
}

export function setText(element, text) {
  const wanted = String(text ?? '');
  if (element.textContent !== wanted) element.textContent = wanted;
}

/**
 * Makes the children of `parent` what `items` says. An element stays the same element as long as its key is there: what
 * has the focus keeps it, what is unfolded stays unfolded.
 *
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => Element} create
 * @param {(element: Element, item: T) => void} update
 */
export function keep(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((child) => [child.kitKey, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const element = old.get(key) ?? Object.assign(create(item), { kitKey: key });
    old.delete(key);
    update(element, item);
    return element;
  });
  for (const gone of old.values()) gone.remove();
  // Whatever moves loses the focus: move only what stands in the wrong place.
  wanted.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
}

/** The part of an element that was made with `data-part`. */
export const part = (element, name) => element.querySelector(`[data-part="${name}"]`);

export const byId = (id) => document.getElementById(id);
