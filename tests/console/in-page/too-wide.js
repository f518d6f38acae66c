// What reaches beyond the right edge of the screen.
(() => {
  const beyond = (element) => element.getBoundingClientRect().right > innerWidth + 1;
  return {
    page: document.documentElement.scrollWidth,
    wide: [...document.querySelectorAll('body *:not(.skip)')]
      .filter(beyond)
      .map(({ outerHTML }) => outerHTML.slice(0, 120)),
  };
})();
