// The bar at the top: whose fleet, whether what is seen is live, over how many seconds, light or dark.

import { useState } from '../../vendor/preact-hooks.js';
import { clock, windowName } from '../format.js';
import { html } from '../html.js';
import { themeChanged } from '../palette.js';
import { Alarms } from './alarms.js';

/** @import { Model, Connection } from '../types.js' */

const WINDOWS = [1, 10, 60, 300];

/** @param {{ model: Model, connection: Connection, window: number, onWindow: (window: number) => void }} props */
export function Header({ model, connection, window, onWindow }) {
  const second = model.live ? clock(model.live.second * 1000) : '--:--:--';
  const says = { connecting: 'connecting', live: 'live', lost: 'no connection' }[connection];
  return html`
    <header>
      <h1>
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <rect width="32" height="32" rx="7" class="mark" /><path d="M8 10h16M16 10v13" class="stroke" />
        </svg>
        <span>Tenet</span><span class="project">${model.hello?.project ?? ''}</span>
      </h1>
      <p class=${`pulse ${connection}`}>
        <i aria-hidden="true"></i><span role="status">${says}</span> <time>${second}</time>
      </p>
      <${Alarms} alarms=${model.live?.alarms ?? []} known=${connection === 'live'} />
      <div class="segments" role="radiogroup" aria-label="Numbers cover the last">
        ${WINDOWS.map((seconds) => html`
          <label>
            <input type="radio" name="window" value=${seconds} checked=${seconds === window} onChange=${() => onWindow(seconds)} />
            <span>${windowName(seconds)}</span>
          </label>
        `)}
      </div>
      <${Theme} />
    </header>
  `;
}

const THEMES = /** @type {const} */ (['system', 'light', 'dark']);

function Theme() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'system');
  const next = THEMES[(THEMES.findIndex((name) => name === theme) + 1) % THEMES.length];
  const turn = () => {
    if (next === 'system') {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem('tenet-theme');
    } else {
      document.documentElement.dataset.theme = next;
      localStorage.setItem('tenet-theme', next);
    }
    themeChanged();
    setTheme(next);
  };
  const sign = { system: '◐', light: '☀', dark: '☾' }[theme];
  return html`
    <button class="theme" onClick=${turn} title=${`Theme: ${theme}`} aria-label=${`Theme: ${theme}. Change to ${next}.`}>${sign}</button>
  `;
}
