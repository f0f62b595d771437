// The look of the page that all pictures have to match: its colors and font, and how large text is. Read anew at every
// drawing, since the viewer may change it at any time.

// Streamlit declares on its page whether it is light or dark, so that CSS's light-dark() follows it, too.
export function themeOf(node) {
  const style = getComputedStyle(node);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    dark: style.colorScheme === "dark",
    text: read("--st-text-color", style.color),
    background: read("--st-background-color", "#ffffff"),
    border: read("--st-border-color", "#808490"),
    font: read("--st-font", style.fontFamily),
  };
}

// In the projector view, with a class on the root of the page, everything drawn is larger: the smallest text, 13 pixels,
// becomes 20.8 on a screen of 1920 x 1080.
export function textScale() {
  const projector = document.documentElement.classList.contains("igbviz-projector");
  return projector ? Math.min(2.5, Math.max(1.25, window.innerWidth / 1200)) : 1;
}

// Relative luminance (WCAG 2) of a color written as rgb(r, g, b).
export function luminance(color) {
  const [r, g, b] = color
    .match(/[\d.]+/g)
    .map((value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
