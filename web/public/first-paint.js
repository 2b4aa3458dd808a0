// Runs before the first paint, so that nobody who chose dark sees a white flash. A file, not an inline script: the content policy allows no inline script.
(function () {
  var scheme = 'auto';
  var language = '';
  try { scheme = localStorage.getItem('headwater.theme') || 'auto'; language = localStorage.getItem('headwater.language') || ''; } catch { /* storage may be denied */ }
  var dark = scheme === 'dark' || (scheme === 'auto' && window.matchMedia('(prefers-color-scheme: dark)').matches);
  var root = document.documentElement;
  root.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
  root.lang = language || ((navigator.language || 'en').toLowerCase().indexOf('ko') === 0 ? 'ko' : 'en');
})();
