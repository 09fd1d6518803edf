// Starts the page.

import { render } from '../vendor/preact.js';
import { App } from './app.js';
import { html } from './html.js';

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app')));
