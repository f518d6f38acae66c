// What a screen reader would call the element that has the focus, about.
(() => {
  const element = document.activeElement;
  return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent.trim();
})();
