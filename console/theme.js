// Applies the chosen theme before the first paint, so that nothing flashes. A classic script on purpose.
{
  const chosen = localStorage.getItem('tenet-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
}
