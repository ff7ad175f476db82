// A daemon for the harness's own tests. It keeps the contract of ours (ready file, JSON log, exit
// codes) and can be told to break it: FAKE_MODE is one of the modes below.

import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';

const {
  ELDERSAFE_READY_FILE: readyFile,
  ELDERSAFE_LOG_FILE: logFile,
  ELDERSAFE_MODE: mode = 'good',
} = process.env;

function log(level, event, fields = {}) {
  const line = JSON.stringify({ time: new Date().toISOString(), level, process: 'fake', event, ...fields });
  if (logFile) appendFileSync(logFile, `${line}\n`);
}

const MODES = {
  good: () => {},
  'never-ready': () => new Promise(() => {}),
  'bad-config': () => {
    process.stderr.write('fake: ELDERSAFE_COLOUR is not an option\n');
    process.exit(78);
  },
  stuck: () => process.on('SIGTERM', () => log('info', 'ignored')),
  broken: () => log('broken', 'fake.bug'),
  warns: () => log('warn', 'fake.unusual'),
  chatty: () => process.stdout.write('hello\n'),
  'not-json': () => appendFileSync(logFile, 'plain text\n'),
  leaks: () => log('info', 'fake.leak', { text: process.env.ELDERSAFE_CANARY }),
  sanitizer: () => process.stderr.write('==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x0\n'),
  'bad-exit': () => process.on('SIGTERM', () => process.exit(3)),
};

await MODES[mode]();
const server = http.createServer((_, response) => response.end('fake'));
server.listen(0, '127.0.0.1', () => {
  const ready = {
    pid: process.pid,
    listen: `127.0.0.1:${server.address().port}`,
    metrics: `127.0.0.1:${server.address().port}`,
  };
  writeFileSync(`${readyFile}.new`, JSON.stringify(ready));
  renameSync(`${readyFile}.new`, readyFile);
  log('info', 'fake.started');
});
if (process.listenerCount('SIGTERM') === 0) process.on('SIGTERM', () => process.exit(0));
