// The style of a part of the page. The app's index page has all of ours; any other page links them. They are not sent
// with a component, since Streamlit repeats all that a component is made of in every refresh.
export function styled(name) {
  if (getComputedStyle(document.documentElement).getPropertyValue(`--igbviz-${name}`)) return;
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href: new URL(`./${name}.css`, import.meta.url).href });
  document.head.appendChild(link);
}
