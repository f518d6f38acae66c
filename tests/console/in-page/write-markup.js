// What a bug could do: make markup of a text.
(() => {
  try {
    document.body.innerHTML = '<img src=x onerror="window.hacked = 1">';
    return 'written';
  } catch (error) {
    return error.name;
  }
})();
