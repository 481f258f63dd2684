/**
 * Changes one element into another by changing only what differs, so that images are not loaded again, an open menu
 * stays open and the focus stays. Enough for a card; not a general differ.
 */

/** @param {Node} node @returns {string} nodes with the same key may be changed into each other */
function key(node) {
  return node instanceof Element ? `${node.nodeName}.${node.getAttribute("class") ?? ""}#${node.id}` : node.nodeName;
}

/** @param {Element} from @param {Element} to */
function morphAttributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    // Whether a menu is open is up to the user, not the server.
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
}

/** @param {Element} from @param {Element} to */
function morphChildren(from, to) {
  let current = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    let match = current;
    while (match && key(match) !== key(wanted)) match = match.nextSibling;
    if (!match) {
      from.insertBefore(wanted, current);
      continue;
    }
    while (current !== match) {
      const passed = current;
      current = current.nextSibling;
      passed.remove();
    }
    morphNode(match, wanted);
    current = match.nextSibling;
  }
  while (current) {
    const left = current;
    current = current.nextSibling;
    left.remove();
  }
}

function morphNode(from, to) {
  if (from instanceof Element) morph(from, to);
  else if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
}

/**
 * @param {Element} from the element in the page
 * @param {Element} to what it should be like; its children may be taken out of it
 */
export function morph(from, to) {
  if (from.isEqualNode(to)) return;
  morphAttributes(from, to);
  morphChildren(from, to);
}
