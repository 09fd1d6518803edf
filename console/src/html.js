// Markup in template literals, bound once.

import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
