// Elements of our own SVG, which lies above a chart.

export function svg(name, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(element, attributes);
  return parent.appendChild(element);
}

export function set(element, attributes) {
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
}
