// The fleet in six numbers.

import { duration, rate, share } from '../format.js';
import { html } from '../html.js';
import { tone } from '../instance.js';
import { SPARK_SECONDS, idle } from '../model.js';
import { Spark } from '../spark.js';

/** @import { Model } from '../types.js' */

/** @param {{ model: Model }} props */
export function Tiles({ model }) {
  const total = model.live?.total ?? idle();
  const gateways = model.live?.processes.filter((process) => process.role === 'gateway') ?? [];
  const up = gateways.filter((process) => process.up);
  const sum = (/** @type {'connections' | 'in_flight'} */ what) => up.reduce((sum, process) => sum + process[what], 0);
  const instances = model.live?.instances ?? [];
  const healthy = instances.filter((instance) => ['up', 'passing'].includes(tone(instance))).length;
  return html`
    <section class="tiles" aria-label="The fleet">
      <div class="tile wide">
        <h2>Requests</h2>
        <p><b>${rate(total.rate)}</b> <small>/s</small></p>
        <${Spark} values=${model.spark} places=${SPARK_SECONDS} wide />
      </div>
      <div class=${`tile ${total.failed ? 'bad' : ''}`}>
        <h2 title="Errors of the gateways or of what is behind them">Failed · server</h2>
        <p><b>${share(total.failed, total.count)}</b></p>
        <small>${rate(total.failed / (model.live?.window || 1))} /s</small>
      </div>
      <div class="tile">
        <h2 title="Errors the caller has to mend">Refused · caller</h2>
        <p><b>${share(total.refused, total.count)}</b></p>
        <small>${rate(total.refused / (model.live?.window || 1))} /s</small>
      </div>
      <div class="tile">
        <h2>Median</h2>
        <p><b>${duration(total.p50)}</b></p>
        <small>mean ${duration(total.avg)}</small>
      </div>
      <div class="tile">
        <h2>p99</h2>
        <p><b>${duration(total.p99)}</b></p>
        <small>max ${duration(total.max)}</small>
      </div>
      <div class="tile">
        <h2>In flight</h2>
        <p><b>${sum('in_flight')}</b></p>
        <small>${sum('connections')} connections</small>
      </div>
      <div class=${`tile ${healthy < instances.length ? 'bad' : ''}`}>
        <h2>Instances</h2>
        <p><b>${healthy}</b> <small>of ${instances.length}</small></p>
        <small class=${up.length < gateways.length ? 'error' : ''}>${up.length} of ${gateways.length} gateways</small>
      </div>
    </section>
  `;
}
