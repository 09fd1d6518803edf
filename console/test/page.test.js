// The page in a real browser, over a server that the test conducts. Skipped where there is no browser.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { start } from './fake/server.js';

const { TENET_PLAYWRIGHT: module, TENET_CHROMIUM: executablePath } = process.env;
const skip = module && executablePath ? false : 'TENET_PLAYWRIGHT and TENET_CHROMIUM name no browser';
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

describe('the page', { skip }, () => {
  let browser;
  let server;
  let page;
  /** Everything that went wrong or outside. */
  let trouble = [];

  before(async () => {
    const { chromium } = await import(pathToFileURL(join(module ?? '', 'index.mjs')).href);
    browser = await chromium.launch({ executablePath, args: ARGUMENTS });
  });
  after(() => browser?.close());

  async function open(options = {}) {
    server = await start();
    trouble = [];
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // What the browser says of a stream that the test cut is expected.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) trouble.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !request.url().startsWith('data:')) trouble.push(`request to ${request.url()}`);
    });
    await page.goto(server.url);
    await page.waitForSelector('#endpoints-table tbody:last-child .endpoint');
  }
  async function close() {
    await page.close();
    server.close();
    assert.deepEqual(trouble, []);
  }
  const paths = () => page.$$eval('#endpoints-table tbody:last-child .path', (all) => all.map((one) => one.textContent));
  const places = () =>
    page.$$eval('section, thead th', (all) => all.map((one) => [one.offsetTop, one.offsetLeft, one.offsetWidth, one.offsetHeight].join(' ')).join('; '));

  test('shows the numbers, and sorts and filters them', async () => {
    await open();
    assert.equal(await page.title(), 'feed · Tenet');
    assert.deepEqual(await paths(), ['/v1/payments:charge', '/v1/users/{user_id}', '/v1/users/{user_id}/timeline']);
    const row = await page.$eval('#endpoints-table tbody:last-child tr', (row) => [...row.querySelectorAll('td.number')].map((cell) => cell.textContent));
    assert.deepEqual(row, ['5.00', '10.0 %', '0', '8.00 ms', '96.0 ms', '80.0 ms', '160 ms', '720 ms', '1.60 s']);
    await page.click('thead button:has-text("req/s")');
    assert.deepEqual(await paths(), ['/v1/users/{user_id}', '/v1/users/{user_id}/timeline', '/v1/payments:charge']);
    assert.equal(await page.getAttribute('thead th:has-text("req/s")', 'aria-sort'), 'descending');
    await page.fill('input[type=search]', 'unavailable');
    assert.deepEqual(await paths(), ['/v1/payments:charge']);
    await close();
  });

  test('puts an endpoint into the charts and the address, by keyboard too', async () => {
    await open();
    await page.focus('#endpoints-table tbody:last-child tr:nth-child(1) button');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.scope h2 .path:has-text("/v1/payments:charge")');
    assert.match(page.url(), /#endpoint=POST/);
    assert.deepEqual(await page.$$eval('.codes li .code', (all) => all.map((one) => one.textContent)), ['200OK', '503UNAVAILABLE']);
    await page.reload();
    await page.waitForSelector('.scope h2 .path:has-text("/v1/payments:charge")');
    await page.click('.scope h2 button:has-text("All traffic")');
    await page.waitForSelector('.scope h2 span:has-text("All traffic")');
    await close();
  });

  test('shows services: what would be left, what is retried and shed, and all of it by keyboard', async () => {
    await open();
    const cells = () => page.$eval('.services tbody tr', (row) => [...row.querySelectorAll('td')].map((cell) => cell.innerText.replace(/\s+/g, ' ').trim()));
    const [capacity, ...rest] = await cells();
    // What is seen and what is read aloud both say that the share is a lower bound.
    assert.match(capacity, /≥ ?at least 1\.08 without zone b/);
    assert.deepEqual(rest, ['300', '1.00', '0', '1.00 won / 4.00 sent', '60', '12 of 64', '0 queued, waited at the 99th percentile: 90.0 µs', '0', '0 of 2']);
    assert.equal(await page.$eval('.services tbody tr:nth-of-type(3)', (row) => row.innerText.includes('no limit')), true);
    const trees = () => page.$eval('.facts.trees', (line) => line.textContent);
    assert.equal(await trees(), 'whole call trees: 1.00 attempts per call at the edge, at most 4');
    server.fail(true);
    server.second();
    await page.waitForSelector('.services .gauge.short');
    assert.match(await trees(), /: 1\.19 attempts/);
    const trouble = await cells();
    assert.match(trouble[0], /^0\.99 without zone b$/, 'nearly enough is not enough');
    assert.deepEqual(trouble.slice(1, 4), ['300', '1.20', '56.0 CONNECTION_LOST +1']);
    assert.deepEqual([trouble[8], trouble[9]], ['0 critical · 2.00 normal · 7.00 sheddable', 'panic 1']);

    const button = page.locator('.services tbody button').first();
    assert.equal(await button.getAttribute('aria-expanded'), 'false');
    await button.focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('.services .facts-of');
    assert.equal(await button.getAttribute('aria-expanded'), 'true');
    assert.equal(await page.isVisible(`#${await button.getAttribute('aria-controls')}`), true);
    const facts = await page.$$eval('.facts-of dl > div', (all) => all.map((one) => one.innerText.replace(/\s+/g, ' ')));
    for (const fact of ['CONNECTION_LOST 50.0 /s', 'UNAVAILABLE 6.00 /s', 'budget 3.00 /s', 'lost 3.00 /s', 'sheddable 7.00 /s', 'peak 320 /s']) assert.ok(facts.includes(fact), fact);
    // The next second leaves it open.
    server.second();
    await page.waitForTimeout(0);
    assert.equal(await page.isVisible('.facts-of'), true);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.facts-of', { state: 'detached' });
    await close();
  });

  test('shows the store: overview, collections with their detail by keyboard, and the engine', async () => {
    await open();
    const text = (selector) => page.$$eval(selector, (all) => all.map((one) => one.innerText.replace(/\s+/g, ' ').trim()));
    assert.deepEqual(await text('.figures-row > div'), [
      'Calls 140 /s none failed', 'From memory 75.0 % of 120 items/s', 'Commits 20.0 /s 2.50 a group, p99 9', 'Engine read 400 µs p99 2.00 ms',
      'Engine commit 2.00 ms p99 9.00 ms', 'Conflicts 0.80 /s 4.00 % of commits', 'Retries 0.20 /s answered once', 'Refused 0 /s no engine failures',
    ]);
    assert.deepEqual(await text('.collections tbody tr:first-child td'), [
      '120', '0', '20.0', '500 µs', '3.00 ms', '75.0 %', '0.80', '0', '1000', '250 KiB', '("u7") 21.0 %', 'by-handle 25.0 %', '1 watches · 0 leases',
    ]);
    assert.deepEqual((await text('.operations tbody tr')).slice(0, 3), ['read 20.0 400 µs 2.00 ms 8.00 ms 1.20 4 0', 'commit 10.0 2.00 ms 9.00 ms 20.0 ms 2.50 9 0', 'scan 0 – – – – – 0']);
    const button = page.locator('.collections tbody button').first();
    await button.focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('.collections .facts-of');
    assert.equal(await button.getAttribute('aria-expanded'), 'true');
    assert.equal(await page.locator(`[id="${await button.getAttribute('aria-controls')}"]`).isVisible(), true);
    const facts = await text('.collections .facts-of dl > div');
    for (const fact of ['put 20.0 /s · 3.00 ms · p99 9.00 ms', 'replayed 0.20 /s', 'an item 256 B', 'measured 4.20 s ago', '("u7") 21.0 %']) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.collections .facts-of', { state: 'detached' });
    await close();
  });

  test('says that nothing is kept, and that the engine is away', async () => {
    await open();
    const card = 'section[aria-label="Store"]';
    assert.match(await page.innerText(card), /1 of 1 process serves/);
    server.fail(true);
    server.second();
    await page.waitForSelector(`${card} .trouble`);
    assert.match(await page.innerText(card), /0 of 1 process serves[\s\S]*store-1 cannot reach the engine: connection refused by 10\.0\.0\.9:5432[\s\S]*2\.00 unavailable/);
    server.keep(false);
    server.second();
    await page.waitForSelector(`${card} p.none`);
    assert.match(await page.innerText(card), /Nothing is kept here/);
    assert.equal(await page.$('.figures-row'), null);
    await close();
  });

  test('tells how an instance stands, and attempts where there are more than requests', async () => {
    await open();
    assert.match(await page.innerText('.instance >> nth=0'), /feed-1[\s\S]*2\.10 ms[\s\S]*40 %/);
    assert.deepEqual(await page.$$eval('#endpoints-table .attempts', (all) => all.map((one) => one.textContent)), ['×1.10 attempts per request', '×1.10 attempts per request']);
    server.fail(true);
    server.second();
    await page.waitForSelector('.instance.down');
    assert.match(await page.innerText('.instance.down'), /feed-2[\s\S]*ejected[\s\S]*5 errors in a row/);
    await close();
  });

  test('keeps everything in its place while trouble comes and goes', async () => {
    await open();
    server.second();
    const calm = await places();
    server.fail(true);
    server.second();
    await page.waitForSelector('details.alarms summary.critical');
    await page.waitForSelector('.instance.down');
    assert.match(await page.textContent('.events'), /instance down.*feed-2/s);
    assert.match(await page.textContent('.processes'), /connection refused/);
    assert.equal(await places(), calm);
    await close();
  });

  test('says that the connection is lost, and comes back by itself', async () => {
    await open();
    server.drop();
    await page.waitForSelector('.pulse.lost');
    await page.waitForSelector('main.stale');
    assert.equal(await page.textContent('.alarms'), 'Alarms unknown');
    server.open();
    await page.waitForSelector('.pulse.live', { timeout: 15_000 });
    await close();
  });

  test('fits a phone, in light and in dark', async () => {
    for (const colorScheme of ['light', 'dark']) {
      await open({ viewport: { width: 390, height: 844 }, colorScheme });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
      const page_colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(page_colour, colorScheme === 'dark' ? 'rgb(15, 17, 21)' : 'rgb(243, 244, 246)');
      await close();
    }
  });
});
