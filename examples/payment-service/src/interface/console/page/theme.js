// Not a module: it runs before the first paint, so that no light page flashes up in a dark room.
{
  const key = 'kit-console-theme';
  const remembered = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const current = () => remembered() ?? (prefersDark.matches ? 'dark' : 'light');
  const show = () => {
    document.documentElement.dataset.theme = current();
    const button = document.getElementById('theme');
    if (!button) return;
    const other = current() === 'dark' ? 'light' : 'dark';
    button.textContent = other === 'dark' ? 'Dark' : 'Light';
    button.setAttribute('aria-label', `Use the ${other} theme`);
  };
  show();
  prefersDark.addEventListener('change', show);
  addEventListener('DOMContentLoaded', () => {
    show();
    document.getElementById('theme')?.addEventListener('click', () => {
      try {
        localStorage.setItem(key, current() === 'dark' ? 'light' : 'dark');
      } catch {
        // A browser that keeps nothing goes on following the system.
      }
      show();
    });
  });
}
