// The live stream, kept open: the browser reconnects a broken one by itself, we reconnect a refused one.

/** @import { Hello, Live, Connection } from './types.js' */

/** Silence after which the stream is taken as lost; a second is due every second. */
const SILENCE_MS = 4_000;
/** Wait before a refused stream is asked for again. */
const RETRY_MS = 2_000;

/**
 * Follows a window until the returned function is called.
 * @param {number} window
 * @param {{ hello: (hello: Hello) => void, second: (live: Live) => void, connection: (state: Connection) => void }} on
 */
export function follow(window, on) {
  /** @type {EventSource | undefined} */
  let source;
  let silence = 0;
  let retry = 0;

  const open = () => {
    source?.close();
    source = new EventSource(`api/live?window=${window}`);
    source.addEventListener('hello', (message) => on.hello(JSON.parse(message.data)));
    source.addEventListener('second', (message) => {
      on.connection('live');
      heard();
      on.second(JSON.parse(message.data));
    });
    source.addEventListener('error', () => {
      on.connection('lost');
      if (source?.readyState === EventSource.CLOSED) again();
    });
  };
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      on.connection('lost');
      again();
    }, SILENCE_MS);
  };
  const again = () => {
    clearTimeout(retry);
    retry = setTimeout(open, RETRY_MS);
  };

  open();
  return () => {
    clearTimeout(silence);
    clearTimeout(retry);
    source?.close();
  };
}
