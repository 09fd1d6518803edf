// The page: what is known, what is chosen, and where each part stands.

import { useCallback, useEffect, useMemo, useReducer, useState } from '../vendor/preact-hooks.js';
import { html } from './html.js';
import { advance, empty, greet, numbersOf } from './model.js';
import { Counters } from './panels/counters.js';
import { Events } from './panels/events.js';
import { Header } from './panels/header.js';
import { Instances } from './panels/instances.js';
import { Processes } from './panels/processes.js';
import { ScopePanel } from './panels/scope.js';
import { Services } from './panels/services.js';
import { StorePanel } from './panels/store.js';
import { Table } from './panels/table.js';
import { Tiles } from './panels/tiles.js';
import { parseScope, scopeHash } from './scope.js';
import { follow } from './stream.js';

/** @import { Model, Hello, Live, Connection, Scope } from './types.js' */

/**
 * @param {Model} model
 * @param {{ hello?: Hello, second?: Live }} message
 */
function reduce(model, { hello, second }) {
  if (hello) return greet(model, hello);
  return second ? advance(model, second) : model;
}

const WINDOW_KEY = 'tenet-window';

export function App() {
  const [model, send] = useReducer(reduce, undefined, empty);
  const [connection, setConnection] = useState(/** @type {Connection} */ ('connecting'));
  const [window, setWindow] = useState(() => Number(localStorage.getItem(WINDOW_KEY)) || 10);
  const [scope, setScope] = useScope();

  useEffect(() => {
    localStorage.setItem(WINDOW_KEY, String(window));
    return follow(window, {
      hello: (hello) => send({ hello }),
      second: (second) => send({ second }),
      connection: setConnection,
    });
  }, [window]);

  useEffect(() => {
    if (model.hello) document.title = `${model.hello.project} · Tenet`;
  }, [model.hello]);

  const codes = useMemo(() => new Map(model.hello?.codes.map((code) => [code.name, code])), [model.hello]);
  const numbers = numbersOf(model, scope);

  return html`
    <a class="skip" href="#endpoints-table" onClick=${skip}>Skip to the endpoints</a>
    <${Header} model=${model} connection=${connection} window=${window} onWindow=${setWindow} />
    <main class=${connection === 'live' ? '' : 'stale'}>
      <${Tiles} model=${model} />
      <${ScopePanel} model=${model} scope=${scope} numbers=${numbers} codes=${codes} onScope=${setScope} window=${window} />
      <${Table} model=${model} scope=${scope} onScope=${setScope} window=${window} />
      <${Services} upstreams=${model.live?.upstreams ?? []} trees=${model.live?.trees} window=${model.live?.window ?? window} />
      <${StorePanel} store=${model.live?.store ?? null} processes=${model.live?.processes ?? []} window=${model.live?.window ?? window} known=${model.live !== null} />
      <div class="columns">
        <${Instances} instances=${model.live?.instances ?? []} />
        <${Events} events=${model.events} />
      </div>
      <div class="columns uneven">
        <${Processes} processes=${model.live?.processes ?? []} now=${(model.live?.second ?? 0) * 1000} />
        <${Counters} counters=${model.live?.counters ?? []} declared=${model.hello?.counters ?? []} />
      </div>
    </main>
    <footer>
      <a href="metrics">OpenMetrics</a>
      <span>Percentiles are at most 1.1 % off; counts, sums, minima and maxima are exact.</span>
    </footer>
  `;
}

/** The scope, kept in the address. @returns {[Scope, (scope: Scope) => void]} */
function useScope() {
  const [scope, setScope] = useState(() => parseScope(location.hash));
  useEffect(() => {
    const changed = () => setScope(parseScope(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  const choose = useCallback((/** @type {Scope} */ scope) => {
    history.replaceState(null, '', scopeHash(scope));
    setScope(scope);
  }, []);
  return [scope, choose];
}

/** Moves the focus without changing the address, which holds the scope. @param {MouseEvent} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('endpoints-table')?.focus();
}
