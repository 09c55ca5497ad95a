// Making and changing elements.  Whatever comes from the database is hostile, so
// text is only ever set as text, and never as markup or style.

export const byId = (id) => document.getElementById(id)

// An element with a class, some text, and others in it.
export function make(tag, className = '', ...content) {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...content)
  return element
}

const namespace = 'http://www.w3.org/2000/svg'

export function makeSvg(tag, attributes = {}, ...content) {
  const element = document.createElementNS(namespace, tag)
  setAttributes(element, attributes)
  element.append(...content)
  return element
}

export function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
}

// Leaves what is right already alone, so that a selection and a screen reader
// are not disturbed each second.
export function setText(element, text) {
  const wanted = String(text ?? '')
  if (element.textContent !== wanted) element.textContent = wanted
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden
}

// One child for each item, in their order; a child stays the same element for as
// long as its item's key is there.  create(item) makes one, update(child, item)
// shows what is new.
export function keyed(parent, items, keyOf, create, update) {
  const before = new Map([...parent.children].map((child) => [child.key, child]))
  let place = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    let child = before.get(key)
    before.delete(key)
    if (!child) {
      child = create(item)
      child.key = key
    }
    update(child, item)
    if (child === place) place = place.nextElementSibling
    else parent.insertBefore(child, place)
  }
  for (const child of before.values()) child.remove()
}
