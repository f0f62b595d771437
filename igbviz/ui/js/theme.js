// The colors of the page, read anew at every drawing since the viewer may change the scheme.

export function themeOf(node) {
  const style = getComputedStyle(node);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const background = read("--st-background-color", "#ffffff");
  return {
    text: read("--st-text-color", style.color),
    background,
    border: read("--st-border-color", "#808490"),
    font: read("--st-font", style.fontFamily),
    dark: luminance(background) < 0.3,
  };
}

// Relative luminance (WCAG 2) of a color written as #rrggbb or rgb(r, g, b).
export function luminance(color) {
  const numbers = color.startsWith("#")
    ? [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16))
    : color.match(/[\d.]+/g).map(Number);
  const [r, g, b] = numbers.map((value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// Text is larger in the projector view.
export const textScale = () => (document.documentElement.classList.contains("igbviz-projector") ? 1.65 : 1);
